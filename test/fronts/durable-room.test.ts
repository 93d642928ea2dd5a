import { expect, test } from "vitest";
import type { ReplyError } from "../../src/wire/resp/reply.ts";
import { FakeLowerTier } from "../support/fake-lower-tier.ts";
import { startFront } from "../support/front.ts";

const MIB = 1024 ** 2;

test.each([
  ["OK", false],
  ["an error", true],
])("a value for which there is no memory is answered with %s (durable: %s)", async (_, durable) => {
  const lower = new FakeLowerTier({ holdWrites: true });
  const ram = { capacityBytes: 8 * MIB };
  const front = await startFront({ durable, limits: { roomWaitMs: 20 } }, ram, { lower });
  const client = await front.client();
  lower.put("key", "older");
  // Values that are being written hold all memory.
  const others = await front.client();
  for (let number = 0; number < 4; number++)
    others.send("SET", `other ${number}`, Buffer.alloc(1.9 * MIB));
  await expect.poll(() => front.ram.usedBytes).toBeGreaterThan(7 * MIB);
  client.send("SET", "key", Buffer.alloc(1.9 * MIB));
  const reply = await client.reply();
  if (durable) expect((reply as ReplyError).message).toContain("no memory came free");
  else expect(reply).toBe("OK");
  expect(front.server.state.valuesDropped).toBe(1);
  expect(await client.ask("GET", "key")).toBeNull();
  lower.finishWrites();
});
