import { once } from "node:events";
import net from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { RespServer } from "../../src/fronts/resp/server.ts";
import { silentLogger } from "../../src/observe/logger.ts";
import { TierChain } from "../../src/tiers/chain/tier-chain.ts";
import { RamTier } from "../../src/tiers/ram/ram-tier.ts";

// Values of one length after the other are read to where they stay, in one read with the request
// around them. Whatever the mix and wherever the reads fall, replies and bytes must be the same.

const ram = new RamTier({ capacityBytes: 64 * 1024 ** 2 });
let server: RespServer;

beforeAll(async () => {
  server = await RespServer.listen({
    tiers: new TierChain({ ram }),
    version: "test",
    logger: silentLogger,
    port: 0,
  });
});
afterAll(() => server.close());

const lengths = [20, 16 * 1024, 65_536, 65_536, 65_536, 65_537, 300_000, 300_000];
const name = fc.integer({ min: 0, max: 5 }).map((n) => `${"key".repeat(1 + n * 3)}${n}`);
const command = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ set: name, length: fc.constantFrom(...lengths), px: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ get: name }) },
  { weight: 1, arbitrary: fc.record({ exists: name }) },
  {
    weight: 1,
    arbitrary: fc.record({ mset: fc.uniqueArray(name, { minLength: 1, maxLength: 3 }) }),
  },
  { weight: 1, arbitrary: fc.constant({ ping: true }) },
);

function encode(words: readonly (string | Buffer)[]): Buffer {
  const parts = [Buffer.from(`*${words.length}\r\n`)];
  for (const word of words)
    parts.push(Buffer.from(`$${word.length}\r\n`), Buffer.from(word), Buffer.from("\r\n"));
  return Buffer.concat(parts);
}

function bulk(value: Buffer | undefined): Buffer {
  if (value === undefined) return Buffer.from("$-1\r\n");
  return Buffer.concat([Buffer.from(`$${value.length}\r\n`), value, Buffer.from("\r\n")]);
}

test("values land in place, and nothing else changes", async () => {
  let fill = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(command, { minLength: 1, maxLength: 25 }),
      fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 20 }),
      async (commands, pieces) => {
        ram.clear();
        const model = new Map<string, Buffer>();
        const sent: Buffer[] = [];
        const expected: Buffer[] = [];
        for (const step of commands) {
          if ("set" in step) {
            const value = Buffer.alloc(step.length, (fill = (fill + 1) % 251));
            value.writeUInt16LE(fill, step.length - 2);
            const options = step.px ? ["PX", "600000"] : [];
            sent.push(encode(["SET", step.set, value, ...options]));
            expected.push(Buffer.from("+OK\r\n"));
            model.set(step.set, value);
          } else if ("mset" in step) {
            const words: (string | Buffer)[] = ["MSET"];
            for (const key of step.mset) {
              const value = Buffer.alloc(65_536, (fill = (fill + 1) % 251));
              words.push(key, value);
              model.set(key, value);
            }
            sent.push(encode(words));
            expected.push(Buffer.from("+OK\r\n"));
          } else if ("get" in step) {
            sent.push(encode(["GET", step.get]));
            expected.push(bulk(model.get(step.get)));
          } else if ("exists" in step) {
            sent.push(encode(["EXISTS", step.exists]));
            expected.push(Buffer.from(model.has(step.exists) ? ":1\r\n" : ":0\r\n"));
          } else {
            sent.push(encode(["PING"]));
            expected.push(Buffer.from("+PONG\r\n"));
          }
        }
        const replies = Buffer.concat(expected);
        const received = await exchange(Buffer.concat(sent), pieces, replies.length);
        expect(received.equals(replies)).toBe(true);
      },
    ),
    { numRuns: 60 },
  );
  await expect.poll(() => server.state.sessions.size).toBe(0);
  expect(server.state.landingBytes).toBe(0);
  expect(ram.fillingBytes).toBe(0);
});

test("a client that only reads after writing gives its landing memory back", async () => {
  const socket = net.connect(server.state.port, "127.0.0.1");
  const value = Buffer.alloc(65_536, 1);
  let replies = 0;
  socket.on("data", (chunk) => (replies += chunk.length));
  for (let round = 1; round <= 3; round++) {
    socket.write(encode(["SET", `v${round}`, value]));
    await expect.poll(() => replies).toBe(5 * round);
  }
  expect(server.state.landingBytes).toBeGreaterThan(0);
  for (let round = 1; round <= 4; round++) {
    socket.write(encode(["PING"]));
    await expect.poll(() => replies).toBe(15 + 7 * round);
  }
  expect(server.state.landingBytes).toBe(0);
  expect(ram.fillingBytes).toBe(0);
  socket.destroy();
});

/** Sends `bytes` in pieces of these sizes by turns, each a turn of the event loop later. */
async function exchange(bytes: Buffer, pieces: number[], replyBytes: number): Promise<Buffer> {
  const socket = net.connect({ port: server.state.port, host: "127.0.0.1", noDelay: true });
  const received: Buffer[] = [];
  let count = 0;
  const done = new Promise<void>((resolve, reject) => {
    socket.on("data", (chunk) => {
      received.push(chunk);
      count += chunk.length;
      if (count >= replyBytes) resolve();
    });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error(`closed after ${count} of ${replyBytes} bytes`)));
  });
  await once(socket, "connect");
  for (let at = 0, piece = 0; at < bytes.length; piece++) {
    const size = pieces[piece % pieces.length];
    await new Promise((resolve) => socket.write(bytes.subarray(at, at + size), resolve));
    at += size;
  }
  await done;
  socket.removeAllListeners("close");
  socket.destroy();
  return Buffer.concat(received);
}
