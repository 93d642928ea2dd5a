import fc from "fast-check";
import { expect, test } from "vitest";
import { FakeLowerTier } from "../support/fake-lower-tier.ts";
import { type Front, startFront } from "../support/front.ts";
import type { RawClient } from "../support/raw-client.ts";

const MIB = 1024 ** 2;
const VALUE = Buffer.alloc(60_000, 1);

async function start(): Promise<{ front: Front; lower: FakeLowerTier; client: RawClient }> {
  const lower = new FakeLowerTier();
  const front = await startFront({}, { capacityBytes: MIB, graceMs: 0 }, { lower });
  return { front, lower, client: await front.client() };
}

/** Walks all keys, `between` the calls; the cursors seen are checked on the way. */
async function walk(
  client: RawClient,
  count: () => number,
  between: () => Promise<void> = async () => {},
): Promise<string[]> {
  const met: string[] = [];
  let cursor = "0";
  do {
    const [next, keys] = (await client.ask("SCAN", cursor, "COUNT", count())) as [string, string[]];
    met.push(...keys);
    cursor = next;
    expect(cursor).toMatch(/^\d+$/);
    expect(BigInt(cursor)).toBeLessThan(2n ** 63n);
    await between();
  } while (cursor !== "0");
  return met;
}

test("a walk over both tiers meets each key once when nothing changes", async () => {
  const { front, lower, client } = await start();
  const keys = Array.from({ length: 40 }, (_, n) => `k${n}`);
  for (const key of keys.slice(0, 30)) lower.put(key, VALUE);
  for (const key of keys.slice(30)) await client.ask("SET", key, VALUE);
  for (const key of keys.slice(5, 10)) await client.ask("GET", key);
  await client.ask("RPUSH", "list", "x");
  lower.put("elsewhere", VALUE, 1);
  lower.put("expired", VALUE, 0, Date.now() - 1);
  expect(front.ram.entries.count).toBeLessThan(20);
  for (const count of [1, 7, 100])
    expect((await walk(client, () => count)).toSorted()).toEqual([...keys, "list"].toSorted());
  expect(((await client.ask("KEYS", "*")) as string[]).toSorted()).toEqual(
    [...keys, "list"].toSorted(),
  );
  await client.exact(":0\r\n", "EXISTS", "expired");
  expect(await client.ask("DBSIZE")).toBe(41);
});

test("KW.SCAN says where each key is", async () => {
  const { lower, client } = await start();
  lower.put("below", "12345", 0, Date.now() + 100_000);
  lower.put("both", "1234567");
  await client.ask("SET", "ram", "123");
  await client.ask("GET", "both");
  const [cursor, rows] = (await client.ask("KW.SCAN", 0)) as [string, (string | number)[][]];
  expect(cursor).toBe("0");
  const shown = rows.map(([key, bytes, , , hits, tier]) => [key, bytes, hits, tier]);
  expect(shown.toSorted(([a], [b]) => String(a).localeCompare(String(b)))).toEqual([
    ["below", 5, 0, "fake"],
    ["both", 7, 1, "ram"],
    ["ram", 3, 0, "ram"],
  ]);
  expect(rows.find(([key]) => key === "below")![2]).toBeGreaterThan(90_000);
});

test("a random key comes from either tier", async () => {
  const { lower, client } = await start();
  expect(await client.ask("RANDOMKEY")).toBeNull();
  lower.put("below", "x");
  expect(await client.ask("RANDOMKEY")).toBe("below");
  await client.ask("SET", "ram", "x");
  const met = new Set<string>();
  for (let turn = 0; turn < 200 && met.size < 2; turn++)
    met.add((await client.ask("RANDOMKEY")) as string);
  expect([...met].toSorted()).toEqual(["below", "ram"]);
});

test("a walk meets every key that is present throughout, whatever moves meanwhile", async () => {
  const { lower, client } = await start();
  const keys = Array.from({ length: 40 }, (_, n) => `k${n}`);
  for (const key of keys) lower.put(key, VALUE);
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ do: fc.constant("GET"), n: fc.nat(39) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("SET"), n: fc.nat(39) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("EXPIRE"), n: fc.nat(39) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("add"), n: fc.nat(9) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("DEL"), n: fc.nat(9) }) },
  );
  const steps = fc.array(step, { maxLength: 8 });
  const act = async ({ do: what, n }: { do: string; n: number }): Promise<void> => {
    if (what === "GET") client.send("GET", `k${n}`);
    else if (what === "SET") client.send("SET", `k${n}`, VALUE);
    else if (what === "EXPIRE") client.send("EXPIRE", `k${n}`, 1000);
    else if (what === "add") client.send("SET", `other${n}`, VALUE);
    else client.send("DEL", `other${n}`);
    await client.reply();
  };
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 10 }),
      fc.array(steps, { minLength: 1, maxLength: 30 }),
      async (counts, turns) => {
        let turn = 0;
        const met = await walk(
          client,
          () => counts[turn % counts.length],
          async () => {
            for (const each of turns[turn++ % turns.length]) await act(each);
          },
        );
        const stable = new Set(met.filter((key) => key.startsWith("k")));
        expect(keys.filter((key) => !stable.has(key))).toEqual([]);
      },
    ),
    { numRuns: 60 },
  );
}, 60_000);

test("cursors that are none are refused; those of nowhere end the walk", async () => {
  const { client } = await start();
  for (const cursor of ["-1", "x", "", "01", "1".repeat(30)])
    expect(await client.refusal("SCAN", cursor)).toBe("ERR invalid cursor");
  await client.ask("SET", "k", "v");
  for (const position of [2n ** 30n - 1n, 2n ** 31n - 1n, 2n ** 32n - 1n, 2n ** 63n - 1n])
    expect(((await client.ask("SCAN", String(position))) as unknown[])[0]).toBe("0");
});
