import { expect, onTestFinished, test } from "vitest";
import { silentLogger } from "../../../src/observe/logger.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { IdleCoder } from "../../../src/tiers/coded/idle-coder.ts";
import { pseudoRandomBytes } from "../../support/bytes.ts";
import { kvBlock, layout, startCodedFront } from "../../support/coded-front.ts";

test("blocks that nobody used for as long as their rule says are encoded, others stay", async () => {
  const clock = new FakeClock();
  const { client, mover, rules, ram, coded } = await startCodedFront({
    tier: { clock },
    rules: [{ match: "cold@*", codec: "zstd-planes", layout, remote: false, idleMs: 60_000 }],
  });
  const coder = new IdleCoder({ mover, rules, logger: silentLogger, everyMs: 5 });
  onTestFinished(() => coder.close());
  await client.ask("SET", "cold@used", kvBlock(64, 1));
  await client.ask("SET", "cold@idle", kvBlock(64, 2));
  await client.ask("SET", "cold@noise", pseudoRandomBytes(64 * 1024));
  await client.ask("SET", "other", kvBlock(64, 3));
  clock.advance(59_000);
  await client.ask("GET", "cold@used");
  clock.advance(2000);
  await expect.poll(() => coded.stats().blocks).toBe(1);
  expect(await client.ask("KW.WHERE", "cold@idle")).toEqual([["coded"]]);
  await expect.poll(() => coded.stats().leftAsIs).toBe(1);
  clock.advance(60_000);
  await expect.poll(() => coded.stats().blocks).toBe(2);
  expect(await client.ask("KW.WHERE", "cold@used", "cold@noise", "other")).toEqual([
    ["coded"],
    ["ram"],
    ["ram"],
  ]);
  // What cannot be made smaller is not tried again and again.
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(coded.stats().leftAsIs).toBe(1);
  expect(ram.entries.count).toBe(2);
});
