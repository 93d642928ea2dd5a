import { setTimeout } from "node:timers/promises";
import { expect, test } from "vitest";
import { type BlockCoder, inProcessCoder } from "../../../src/codecs/coder.ts";
import { randomFrom } from "../../fuzz/random.ts";
import { kvBlock, kvMetadata, layout, startCodedFront } from "../../support/coded-front.ts";
import { FakeLowerTier } from "../../support/fake-lower-tier.ts";

const values = Array.from({ length: 6 }, (_, index) => kvBlock(8 + index, index + 1));
const how = { codec: "zstd-planes", layout } as const;

/** Takes its time, so that much can happen meanwhile. */
function slowCoder(pause: () => Promise<unknown>): BlockCoder {
  return {
    ...inProcessCoder,
    encode: async (...args) => {
      const parts = await inProcessCoder.encode(...args);
      await pause();
      return parts;
    },
    decode: async (...args) => {
      const block = await inProcessCoder.decode(...args);
      await pause();
      return block;
    },
  };
}

test.each([
  ["RAM alone", 1, undefined],
  ["a tier below", 2, new FakeLowerTier()],
  ["RAM alone", 3, undefined],
  ["a tier below", 4, new FakeLowerTier()],
])(
  "whatever moves meanwhile, clients get what was stored last, with %s",
  async (_, seed, lower) => {
    const random = randomFrom(seed);
    const coder = slowCoder(() => setTimeout(random.below(4)));
    const { client, mover, ram, tiers, coded } = await startCodedFront({
      coder,
      chain: lower === undefined ? {} : { lower },
    });
    const stored = new Map<string, Buffer>();
    const keys = ["a", "b", "c", "m@1@0@1@bfloat16kv_bytes", "m@1@0@2@bfloat16kv_bytes"];
    const moves = new Set<Promise<unknown>>();
    const begin = (move: Promise<unknown>): void => {
      const tracked = move.finally(() => moves.delete(tracked));
      moves.add(tracked);
    };
    for (let step = 0; step < 1500; step++) {
      const key = keys[random.below(keys.length)];
      const name = Buffer.from(key);
      switch (random.below(9)) {
        case 0: {
          const value = values[random.below(values.length)];
          await client.ask("SET", key, value);
          if (key.endsWith("kv_bytes"))
            await client.ask("SET", key.replace("kv_bytes", "metadata"), kvMetadata(8));
          stored.set(key, value);
          break;
        }
        case 1:
          await client.ask("DEL", key);
          stored.delete(key);
          break;
        case 2:
          if (random.below(20) === 0) {
            await client.ask("FLUSHALL");
            stored.clear();
          }
          break;
        case 3:
        case 4:
          begin(mover.encode(name, 0, how, true));
          break;
        case 5:
          begin(mover.decode(name, 0));
          break;
        case 6: {
          const entry = ram.find(name, 0, name.length, 0);
          if (entry !== 0) tiers.demote(entry);
          break;
        }
        default: {
          client.send("GET", key);
          const got = (await client.reply()) as Buffer | null;
          expect([step, key, got?.length]).toEqual([step, key, stored.get(key)?.length]);
          expect(got === null || got.equals(stored.get(key)!)).toBe(true);
        }
      }
    }
    await Promise.all(moves);
    for (const key of keys) {
      const there = stored.has(key) ? 1 : 0;
      expect([key, await client.ask("EXISTS", key)]).toEqual([key, there]);
    }
    expect(coded.stats()).toMatchObject({ undecodable: 0 });
    expect(coded.stats().encoded).toBeGreaterThan(20);
    await client.ask("FLUSHALL");
    expect([ram.slots.count, coded.tiers.ram.slots.count]).toEqual([0, 0]);
    expect(ram.fillingBytes).toBe(0);
  },
  30_000,
);
