import fc from "fast-check";
import { expect, test } from "vitest";
import { startFront } from "../support/front.ts";
import type { RawClient, TextReply, Word } from "../support/raw-client.ts";

async function start() {
  const front = await startFront();
  return { front, client: await front.client() };
}

/** All keys that a whole walk meets; `between` runs after each step. */
async function walk(
  client: RawClient,
  options: Word[] = [],
  between: (step: number) => Promise<void> = async () => {},
): Promise<string[]> {
  const keys: string[] = [];
  let cursor = "0";
  for (let step = 0; step === 0 || cursor !== "0"; step++) {
    const [next, some] = (await client.ask("SCAN", cursor, ...options)) as [string, string[]];
    keys.push(...some);
    cursor = next;
    await between(step);
    if (step > 10_000) throw new Error("the walk does not end");
  }
  return keys;
}

function sorted(keys: TextReply): string[] {
  return (keys as string[]).toSorted();
}

test("EXISTS, TOUCH, DEL and UNLINK count keys of any type", async () => {
  const { client } = await start();
  await client.ask("MSET", "a", "1", "b", "2");
  await client.ask("RPUSH", "list", "x");
  expect(await client.ask("EXISTS", "a")).toBe(1);
  expect(await client.ask("EXISTS", "a", "a", "list", "none")).toBe(3);
  expect(await client.ask("TOUCH", "a", "none", "list")).toBe(2);
  expect(await client.ask("DEL", "a", "list", "none", "a")).toBe(2);
  expect(await client.ask("UNLINK", "b")).toBe(1);
  expect(await client.ask("UNLINK", "b")).toBe(0);
  expect(await client.ask("DBSIZE")).toBe(0);
});

test("TYPE and OBJECT describe a key", async () => {
  const { client } = await start();
  await client.ask("SET", "block", "1");
  await client.ask("RPUSH", "list", "x");
  await client.ask("HSET", "hash", "f", "v");
  const cases = [
    ["block", "string", "raw"],
    ["list", "list", "listpack"],
    ["hash", "hash", "hashtable"],
    ["none", "none", null],
  ] as const;
  for (const [key, type, encoding] of cases) {
    expect(await client.ask("TYPE", key)).toBe(type);
    expect(await client.ask("OBJECT", "ENCODING", key)).toBe(encoding);
    expect(await client.ask("OBJECT", "IDLETIME", key)).toBe(type === "none" ? null : 0);
    expect(await client.ask("OBJECT", "REFCOUNT", key)).toBe(type === "none" ? null : 1);
  }
  await client.ask("GET", "block");
  await client.ask("GET", "block");
  expect(await client.ask("OBJECT", "FREQ", "block")).toBe(2);
  expect(await client.ask("OBJECT", "HELP")).toHaveLength(1);
  expect(await client.refusal("OBJECT", "NOPE", "block")).toMatch(/^ERR unknown subcommand 'NOPE'/);
  expect(await client.refusal("OBJECT", "FREQ")).toMatch(/^ERR wrong number of arguments/);
});

test("RENAME moves a key with its expiry over whatever was there", async () => {
  const { client } = await start();
  await client.ask("SET", "a", "1", "PX", 100_000);
  await client.ask("RPUSH", "b", "x");
  expect(await client.ask("RENAMENX", "a", "b")).toBe(0);
  expect(await client.ask("RENAME", "a", "b")).toBe("OK");
  expect(await client.ask("GET", "b")).toBe("1");
  expect(await client.ask("PTTL", "b")).toBeGreaterThan(90_000);
  expect(await client.ask("EXISTS", "a")).toBe(0);
  expect(await client.ask("RENAMENX", "b", "c")).toBe(1);
  expect(await client.ask("RENAME", "c", "c")).toBe("OK");
  await client.ask("HSET", "hash", "f", "v");
  expect(await client.ask("RENAME", "hash", "c")).toBe("OK");
  expect(await client.ask("HGET", "c", "f")).toBe("v");
  expect(await client.ask("DBSIZE")).toBe(1);
  expect(await client.refusal("RENAME", "none", "c")).toBe("ERR no such key");
  expect(await client.refusal("RENAMENX", "none", "c")).toBe("ERR no such key");
});

test("KEYS understands Redis's patterns", async () => {
  const { client } = await start();
  const all = ["hallo", "hello", "hxllo", "hllo", "heello", "h[llo", "other", "list"];
  for (const key of all.slice(0, -1)) await client.ask("SET", key, "1");
  await client.ask("RPUSH", "list", "x");
  const cases: [pattern: string, keys: string[]][] = [
    ["*", all],
    ["h?llo", ["hallo", "hello", "hxllo", "h[llo"]],
    ["h*llo", ["hallo", "hello", "hxllo", "hllo", "heello", "h[llo"]],
    ["h[ae]llo", ["hallo", "hello"]],
    ["h[^e]llo", ["hallo", "hxllo", "h[llo"]],
    ["h[a-f]llo", ["hallo", "hello"]],
    ["h\\[llo", ["h[llo"]],
    ["l*", ["list"]],
    ["none", []],
  ];
  for (const [pattern, keys] of cases)
    expect([pattern, sorted(await client.ask("KEYS", pattern))]).toEqual([pattern, sorted(keys)]);
});

test("SCAN narrows by MATCH and TYPE; COUNT sets the pace only", async () => {
  const { client } = await start();
  for (let i = 0; i < 50; i++) await client.ask("SET", `block:${i}`, "1");
  for (let i = 0; i < 20; i++) await client.ask("RPUSH", `list:${i}`, "1");
  for (let i = 0; i < 5; i++) await client.ask("HSET", `hash:${i}`, "f", "1");
  for (const count of [1, 7, 1000]) {
    const having = async (...options: Word[]): Promise<number> => {
      const keys = await walk(client, ["COUNT", count, ...options]);
      expect(new Set(keys).size).toBe(keys.length);
      return keys.length;
    };
    expect(await having()).toBe(75);
    expect(await having("MATCH", "*:1*")).toBe(11 + 11 + 1);
    expect(await having("TYPE", "string")).toBe(50);
    expect(await having("TYPE", "LIST")).toBe(20);
    expect(await having("TYPE", "hash", "MATCH", "hash:[0-2]")).toBe(3);
    expect(await having("TYPE", "zset")).toBe(0);
  }
  expect(await client.refusal("SCAN", "x")).toBe("ERR invalid cursor");
  expect(await client.refusal("SCAN", 0, "COUNT", 0)).toMatch(/not an integer/);
  expect(await client.refusal("SCAN", 0, "COUNT")).toBe("ERR syntax error");
  expect(await client.refusal("SCAN", 0, "WHAT", 1)).toBe("ERR syntax error");
  expect(await client.ask("SCAN", "999999999999999")).toEqual(["0", []]);
});

test("SCAN meets every key that is present throughout, whatever is written meanwhile", async () => {
  const { front, client } = await start();
  const write = fc.oneof(
    fc.record({ kind: fc.constantFrom("set", "push", "del"), other: fc.nat(40) }),
    fc.record({ kind: fc.constantFrom("overwrite", "pushMore"), other: fc.nat(40) }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.array(write, { maxLength: 10 }), { minLength: 1, maxLength: 8 }),
      async (stable, count, rounds) => {
        front.server.state.flush();
        const expected: string[] = [];
        for (let i = 0; i < stable; i++) {
          client.send("SET", `temporary:${i}`, "x");
          client.send("SET", `block:${i}`, "x");
          client.send("RPUSH", `list:${i}`, "x");
          for (let reply = 0; reply < 3; reply++) await client.reply();
          expected.push(`block:${i}`, `list:${i}`);
        }
        const met = await walk(client, ["COUNT", count], async (step) => {
          for (const { kind, other } of rounds[step] ?? []) {
            const key = `temporary:${other}`;
            if (kind === "set") await client.ask("SET", key, "y".repeat(other * 300));
            else if (kind === "push") {
              await client.ask("DEL", key);
              await client.ask("RPUSH", key, "y");
            } else if (kind === "del") await client.ask("DEL", key);
            else if (kind === "overwrite")
              await client.ask("SET", `block:${other % stable}`, "z".repeat(other * 300));
            else await client.ask("RPUSH", `list:${other % stable}`, "z");
          }
        });
        const seen = new Set(met);
        expect(expected.filter((key) => !seen.has(key))).toEqual([]);
      },
    ),
    { numRuns: 40 },
  );
});

test("databases have keys of their own; FLUSHDB empties one of them, FLUSHALL all", async () => {
  const { client } = await start();
  for (const database of [0, 1, 15]) {
    expect(await client.ask("SELECT", database)).toBe("OK");
    await client.ask("SET", "k", `value of ${database}`);
    await client.ask("RPUSH", "list", database);
    expect(await client.ask("DBSIZE")).toBe(2);
  }
  await client.ask("SELECT", 1);
  expect(await client.ask("GET", "k")).toBe("value of 1");
  expect(sorted(await client.ask("KEYS", "*"))).toEqual(["k", "list"]);
  expect(sorted(await walk(client))).toEqual(["k", "list"]);
  expect(await client.ask("FLUSHDB", "ASYNC")).toBe("OK");
  expect(await client.ask("DBSIZE")).toBe(0);
  expect(await client.ask("RANDOMKEY")).toBe(null);
  await client.ask("SELECT", 15);
  expect(await client.ask("LRANGE", "list", 0, -1)).toEqual(["15"]);
  expect(await client.ask("FLUSHALL")).toBe("OK");
  for (const database of [0, 1, 15]) {
    await client.ask("SELECT", database);
    expect(await client.ask("DBSIZE")).toBe(0);
  }
  expect(await client.refusal("FLUSHALL", "NOW")).toBe("ERR syntax error");
  expect(await client.refusal("SELECT", 16)).toBe("ERR DB index is out of range");
  expect(await client.refusal("SELECT", "x")).toBe("ERR invalid DB index");
});

test("RANDOMKEY answers some key of the selected database", async () => {
  const { client } = await start();
  expect(await client.ask("RANDOMKEY")).toBe(null);
  await client.ask("RPUSH", "list", "x");
  expect(await client.ask("RANDOMKEY")).toBe("list");
  await client.ask("SELECT", 1);
  expect(await client.ask("RANDOMKEY")).toBe(null);
  const keys = ["a", "b", "c"];
  for (const key of keys) await client.ask("SET", key, "1");
  const met = new Set<TextReply>();
  for (let i = 0; i < 200; i++) met.add(await client.ask("RANDOMKEY"));
  expect(sorted([...met])).toEqual(keys);
});
