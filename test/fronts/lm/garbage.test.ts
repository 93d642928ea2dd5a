import fc from "fast-check";
import net from "node:net";
import { expect, test } from "vitest";
import { pseudoRandomBytes } from "../../support/bytes.ts";
import { generations, golden, packPut, packRequest } from "../../support/lm.ts";
import { startLmFront } from "../../support/lm-front.ts";

/** Sends bytes, hangs up, and resolves when the connection is over. */
async function hurl(port: number, bytes: Uint8Array): Promise<void> {
  await new Promise<void>((resolve) => {
    const socket = net.connect({ port, host: "127.0.0.1" });
    socket.on("error", () => {});
    socket.on("close", () => resolve());
    socket.resume();
    socket.end(bytes);
  });
}

/** The bytes, or only their beginning. */
function maybeCut(bytes: Buffer): fc.Arbitrary<Buffer> {
  const cut = fc.integer({ min: 0, max: bytes.length }).map((end) => bytes.subarray(0, end));
  return fc.oneof(fc.constant(bytes), cut);
}

test("whatever clients send, the server stands, others are served, and nothing is left", async () => {
  const front = await startLmFront();
  const bystander = await front.client();
  const { port } = front.server.state;
  const value = pseudoRandomBytes(100_000);
  const generation = fc.constantFrom(...generations);
  const request = fc
    .tuple(fc.integer({ min: 0, max: 6 }), fc.string({ maxLength: 20 }), fc.integer(), generation)
    .map(([number, key, length, generation]) =>
      packRequest(number, key, length % 70_000, golden, generation),
    );
  const put = fc
    .tuple(fc.string({ maxLength: 20 }), fc.integer({ min: 0, max: 40_000 }), generation)
    .map(([key, size, generation]) => packPut(key, pseudoRandomBytes(size), golden, generation));
  const noise = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes));
  const input = fc
    .array(fc.oneof(request, put, noise), { maxLength: 6 })
    .map((parts) => Buffer.concat(parts))
    .chain(maybeCut);
  await fc.assert(
    fc.asyncProperty(input, async (bytes) => {
      await hurl(port, bytes);
      expect(front.ram.usedBytes).toBeLessThanOrEqual(front.ram.capacityBytes);
    }),
    { numRuns: 300 },
  );
  bystander.put("bystander", value);
  await bystander.hit("bystander", value);
  await front.expectNothingLeft();
});
