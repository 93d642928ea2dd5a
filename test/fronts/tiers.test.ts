import { expect, test } from "vitest";
import type { RespServerOptions } from "../../src/fronts/resp/options.ts";
import type { TierChainOptions } from "../../src/tiers/chain/tier-chain.ts";
import type { RamTierOptions } from "../../src/tiers/ram/ram-tier.ts";
import { pseudoRandomBytes } from "../support/bytes.ts";
import { makeCertificates } from "../support/certificates.ts";
import { encode } from "../support/decoding.ts";
import { FakeLowerTier, type FakeLowerTierOptions } from "../support/fake-lower-tier.ts";
import { type Front, startFront } from "../support/front.ts";
import { asText, type RawClient, type TextReply } from "../support/raw-client.ts";

const MIB = 1024 ** 2;

interface Setup extends FakeLowerTierOptions {
  readonly options?: Partial<RespServerOptions>;
  readonly ram?: Partial<RamTierOptions>;
  readonly chain?: Partial<TierChainOptions>;
}

async function start(
  setup: Setup = {},
): Promise<{ front: Front; lower: FakeLowerTier; client: RawClient }> {
  const lower = new FakeLowerTier(setup);
  const front = await startFront(setup.options, setup.ram, { ...setup.chain, lower });
  return { front, lower, client: await front.client() };
}

/** Nothing that a command held while it waited is held now. */
function expectNothingHeld({ ram, server }: Front): void {
  expect(server.state.awaiting.size).toBe(0);
  expect(server.state.bringing).toBeUndefined();
  // What is set aside for the values that its client may send next.
  expect(ram.fillingBytes).toBe(server.state.landingBytes);
  for (let entry = 1; entry < ram.entries.end; entry++)
    if (ram.entries.isPresent(entry)) expect(ram.slots.references(ram.entries.slot(entry))).toBe(1);
}

const statsOf = async (client: RawClient) =>
  JSON.parse((await client.ask("KW.STATS")) as string) as {
    tiers: Record<string, number | string>[];
    keyspace: { hits: number; misses: number };
  };

interface Reading {
  readonly words: readonly (string | number)[];
  readonly reply: TextReply;
  /** Values that must come up. */
  readonly reads?: number;
}

const readings: readonly Reading[] = [
  { words: ["GET", "a"], reply: "alpha" },
  { words: ["MGET", "a", "none", "b", "a"], reply: ["alpha", null, "beta", "alpha"], reads: 2 },
  { words: ["GETRANGE", "a", 1, 2], reply: "lp" },
  { words: ["SUBSTR", "a", 0, 1], reply: "al" },
  { words: ["GETEX", "a", "EX", 100], reply: "alpha" },
  { words: ["GETDEL", "a"], reply: "alpha" },
  { words: ["GETSET", "a", "new"], reply: "alpha" },
  { words: ["SET", "a", "new", "EX", 10, "GET"], reply: "alpha" },
  { words: ["APPEND", "a", "bet"], reply: 8 },
  { words: ["RENAME", "a", "c"], reply: "OK" },
  { words: ["RENAMENX", "a", "c"], reply: 1 },
  { words: ["WATCH", "a", "b"], reply: "OK", reads: 2 },
];

test.each(readings)(
  "$words.0 waits for what lies below RAM",
  async ({ words, reply, reads = 1 }) => {
    const { front, lower, client } = await start({ holdReads: true });
    lower.put("a", "alpha");
    lower.put("b", "beta");
    const other = await front.client();
    client.send(...words);
    client.send("PING");
    await expect.poll(() => lower.readsWaiting).toBe(reads);
    expect(await other.ask("PING")).toBe("PONG");
    expect(await other.ask("INFO", "clients")).toContain("blocked_clients:1\r\n");
    expect(await other.ask("CLIENT", "LIST")).toContain(" flags=b ");
    lower.finishReads();
    expect(asText(await client.reply())).toEqual(reply);
    expect(await client.reply()).toBe("PONG");
    expect(lower.readsBegun).toBe(reads);
    expectNothingHeld(front);
  },
);

test("what they leave behind is right in both tiers", async () => {
  const { lower, client } = await start();
  for (const key of ["append", "rename", "getdel", "getex"]) lower.put(key, "old");
  await client.ask("APPEND", "append", "er");
  await client.ask("RENAME", "rename", "renamed");
  await client.ask("GETDEL", "getdel");
  await client.ask("GETEX", "getex", "PXAT", 99_999_999_999_999);
  expect(lower.value("append")!.toString()).toBe("older");
  expect(lower.value("renamed")!.toString()).toBe("old");
  expect(lower.has("rename")).toBe(false);
  expect(lower.has("getdel")).toBe(false);
  expect(lower.expiresAt(lower.find(Buffer.from("getex"), 0, 5, 0))).toBe(99_999_999_999_999);
  expect(await client.ask("MGET", "append", "rename", "renamed", "getdel", "getex")).toEqual([
    "older",
    null,
    "old",
    null,
    "old",
  ]);
});

test("only presence and facts are asked for: nothing comes up", async () => {
  const { front, lower, client } = await start({
    holdReads: true,
    chain: { prefetchBytes: 0 },
  });
  lower.put("a", "alpha", 0, Date.now() + 100_000);
  lower.put("b", "beta");
  await client.exact(":1\r\n", "EXISTS", "a");
  await client.exact(":2\r\n", "EXISTS", "a", "none", "b");
  await client.exact(":2\r\n", "KW.MATCH", "b", "a", "none");
  await client.exact("+string\r\n", "TYPE", "a");
  await client.exact(":100\r\n", "TTL", "a");
  await client.exact(":-1\r\n", "PTTL", "b");
  await client.exact(":5\r\n", "STRLEN", "a");
  await client.exact(":2\r\n", "TOUCH", "a", "b");
  await client.exact(":1\r\n", "EXPIRE", "b", "100");
  await client.exact(":1\r\n", "PERSIST", "b");
  await client.exact("$3\r\nraw\r\n", "OBJECT", "ENCODING", "a");
  await client.exact(":0\r\n", "OBJECT", "FREQ", "a");
  await client.exact(":1\r\n", "OBJECT", "REFCOUNT", "a");
  await client.exact(":4\r\n", "MEMORY", "USAGE", "b");
  await client.exact(":2\r\n", "DBSIZE");
  await client.exact(":0\r\n", "SETNX", "a", "new");
  await client.exact("$-1\r\n", "SET", "a", "new", "NX");
  await client.exact(":0\r\n", "MSETNX", "b", "new", "c", "new");
  expect(await client.ask("INFO", "keyspace")).toContain("db0:keys=2,");
  expect(["a", "b"]).toContain(await client.ask("RANDOMKEY"));
  await client.exact("+OK\r\n", "SET", "a", "longer", "XX", "KEEPTTL");
  await client.exact(":100\r\n", "TTL", "a");
  expect(lower.value("a")!.toString()).toBe("longer");
  await client.exact(":2\r\n", "DEL", "a", "b", "b", "none");
  expect(lower.count).toBe(0);
  lower.put("c", "gamma");
  lower.put("d", "delta", 3);
  await client.exact("+OK\r\n", "FLUSHDB");
  expect(lower.count).toBe(1);
  await client.exact("+OK\r\n", "FLUSHALL");
  expect(lower.count).toBe(0);
  expect(lower.readsBegun).toBe(0);
  expectNothingHeld(front);
});

test("keys that are reported present are read ahead, in the order of their chain", async () => {
  const { front, lower, client } = await start({
    holdReads: true,
    chain: { prefetchBytes: 3000 },
  });
  for (const key of ["0", "1", "2", "3", "4"]) lower.put(key, Buffer.alloc(1000, key));
  await client.ask("SET", "1", "in RAM");
  await client.exact(":5\r\n", "KW.MATCH", "0", "1", "2", "3", "4", "none");
  expect(lower.readsBegun).toBe(3);
  lower.finishReads();
  await expect.poll(() => front.ram.entries.count).toBe(4);
  expect((await statsOf(client)).tiers[1]).toMatchObject({ prefetched: 3, promoted: 3 });
  await client.exact(":1\r\n", "EXISTS", "4");
  expect(lower.readsBegun).toBe(4);
  client.send("GET", "4");
  lower.finishReads();
  expect((await client.reply()) as Buffer).toEqual(Buffer.alloc(1000, "4"));
  expect(lower.readsBegun).toBe(4);
  expectNothingHeld(front);
});

test("a pipeline keeps its order, and big values their bytes", async () => {
  const { front, lower, client } = await start();
  const values = [1, 2, 3, 4].map((seed) => pseudoRandomBytes(300_000, seed));
  for (const [index, value] of values.entries()) lower.put(`below${index}`, value);
  const rounds = [0, 1, 2, 3].flatMap((index) => [
    ["GET", `below${index}`],
    ["SET", `ram${index}`, values[3 - index]],
    ["GET", `ram${index}`],
    ["SET", `below${index}`, values[3 - index], "GET"],
    ["GET", `below${index}`],
  ]);
  for (const words of rounds) client.send(...(words as string[]));
  for (const index of [0, 1, 2, 3]) {
    const [was, is] = [values[index], values[3 - index]];
    const replies: Buffer[] = [];
    for (let count = 0; count < 5; count++) {
      const reply = await client.reply();
      replies.push(typeof reply === "string" ? Buffer.from(reply) : (reply as Buffer));
    }
    expect(
      Buffer.concat(replies).equals(Buffer.concat([was, Buffer.from("OK"), is, was, is])),
    ).toBe(true);
  }
  expectNothingHeld(front);
});

test("a value with what it replaces below RAM waits in its slot", async () => {
  const { front, lower, client } = await start({ holdReads: true });
  const [old, fresh] = [pseudoRandomBytes(200_000, 1), pseudoRandomBytes(200_000, 2)];
  lower.put("k", old);
  client.send("SET", "k", fresh, "GET");
  await expect.poll(() => lower.readsWaiting).toBe(1);
  lower.finishReads();
  expect(((await client.reply()) as Buffer).equals(old)).toBe(true);
  client.send("GET", "k");
  expect(((await client.reply()) as Buffer).equals(fresh)).toBe(true);
  expectNothingHeld(front);
});

test("the next requests of a pipeline are read ahead while the first waits", async () => {
  const { front, lower, client } = await start({ holdReads: true });
  for (const key of ["a", "b", "c", "d", "e"]) lower.put(key, `value of ${key}`);
  const big = encode(["SET", "big", Buffer.alloc(20_000)]);
  client.raw(
    Buffer.concat([
      ...["a", "b", "c"].map((key) => encode(["GET", key])),
      encode(["GET", "none"]),
      encode(["MGET", "d", "a"]),
      encode(["SET", "e", "new"]),
      big.subarray(0, 18_000),
    ]),
  );
  await expect.poll(() => lower.readsWaiting).toBe(4);
  const replies = ["a", "b", "c"].map((key) => `$10\r\nvalue of ${key}\r\n`);
  lower.finishReads(1);
  await client.exact(replies[0]);
  lower.finishReads();
  await client.exact(
    `${replies[1]}${replies[2]}$-1\r\n*2\r\n$10\r\nvalue of d\r\n${replies[0]}+OK\r\n`,
  );
  client.raw(big.subarray(18_000));
  await client.exact("+OK\r\n");
  expect(lower.readsBegun).toBe(4);
  expect((await statsOf(client)).tiers[1]).toMatchObject({ prefetched: 3, promoted: 4 });
  expectNothingHeld(front);
});

test("inline commands wait as well", async () => {
  const { lower, client } = await start({ holdReads: true });
  lower.put("k", "value");
  client.raw('GET "k"\r\nPING\r\n');
  await expect.poll(() => lower.readsWaiting).toBe(1);
  lower.finishReads();
  await client.exact("$5\r\nvalue\r\n+PONG\r\n");
});

test("who waits for one value gets it from one read", async () => {
  const { front, lower, client } = await start({ holdReads: true });
  lower.put("k", "value");
  const others = [await front.client(), await front.client()];
  for (const each of [client, ...others]) each.send("GET", "k");
  await expect.poll(() => front.server.state.awaiting.size).toBe(3);
  expect(lower.readsBegun).toBe(1);
  lower.finishReads();
  for (const each of [client, ...others]) await each.exact("$5\r\nvalue\r\n");
  expectNothingHeld(front);
});

test("the first who waited may remove what the others wait for", async () => {
  const { front, lower, client } = await start({ holdReads: true });
  lower.put("k", "value");
  const other = await front.client();
  client.send("GETDEL", "k");
  await expect.poll(() => front.server.state.awaiting.size).toBe(1);
  other.send("GET", "k");
  await expect.poll(() => front.server.state.awaiting.size).toBe(2);
  lower.finishReads();
  await client.exact("$5\r\nvalue\r\n");
  await other.exact("$-1\r\n");
  expectNothingHeld(front);
  expect(front.ram.slots.count).toBe(0);
});

test("a value that is replaced or removed meanwhile is not served any more", async () => {
  const { front, lower, client } = await start({ holdReads: true });
  const other = await front.client();
  lower.put("replaced", "old");
  lower.put("removed", "old");
  client.send("MGET", "replaced", "removed");
  await expect.poll(() => lower.readsWaiting).toBe(2);
  await other.ask("SET", "replaced", "new");
  await other.ask("DEL", "removed");
  lower.finishReads();
  await client.exact("*2\r\n$3\r\nnew\r\n$-1\r\n");
  expectNothingHeld(front);
});

test("a read that fails is a miss, once; the next command asks again", async () => {
  const { front, lower, client } = await start();
  lower.put("k", "value");
  lower.broken = true;
  await client.exact("$-1\r\n", "GET", "k");
  expect(lower.readsBegun).toBe(1);
  expect(front.server.state.misses).toBe(1);
  lower.broken = false;
  await client.exact("$5\r\nvalue\r\n", "GET", "k");
  expect((await statsOf(client)).tiers[1]).toMatchObject({ failedReads: 1, promoted: 1 });
  expectNothingHeld(front);
});

test("a read that does not come in time is a miss; what comes late is there for the next", async () => {
  const { front, lower, client } = await start({
    holdReads: true,
    options: { limits: { tierWaitMs: 200, idleMs: 50, stallMs: 50 } },
  });
  lower.put("k", "value");
  await client.exact("$-1\r\n", "GET", "k");
  expect(front.server.state.tierTimeouts).toBe(1);
  expect(front.server.state.awaiting.size).toBe(0);
  expect(lower.readsWaiting).toBe(1);
  lower.finishReads();
  await expect.poll(() => front.ram.entries.count).toBe(1);
  await client.exact("$5\r\nvalue\r\n", "GET", "k");
  expectNothingHeld(front);
});

test("a client that goes away while it waits leaves nothing behind", async () => {
  const { front, lower, client } = await start({ holdReads: true });
  const value = pseudoRandomBytes(100_000);
  lower.put("k", value);
  client.send("SET", "k", value, "GET");
  await expect.poll(() => front.server.state.awaiting.size).toBe(1);
  const [session] = front.server.state.sessions.values();
  session.connection.destroy();
  await client.ended();
  await expect.poll(() => front.server.state.sessions.size).toBe(0);
  expect(front.server.state.awaiting.size).toBe(0);
  lower.finishReads();
  await expect.poll(() => front.ram.entries.count).toBe(1);
  expectNothingHeld(front);
  expect(front.ram.slots.count).toBe(1);
});

test("closing a server lets those finish who wait", async () => {
  const { front, lower, client } = await start({ holdReads: true });
  lower.put("k", "value");
  client.send("GET", "k");
  await expect.poll(() => lower.readsWaiting).toBe(1);
  const closed = front.server.close(5000);
  lower.finishReads();
  await client.exact("$5\r\nvalue\r\n");
  await closed;
});

test("what is asked for together stays in RAM until all of it has come", async () => {
  const { front, lower, client } = await start({
    holdReads: true,
    ram: { capacityBytes: 4 * MIB, graceMs: 0 },
  });
  const values = [0, 1, 2, 3, 4].map((seed) => pseudoRandomBytes(MIB / 2, seed));
  for (const index of [3, 4]) lower.put(`k${index}`, values[index]);
  for (const index of [0, 1, 2]) await client.ask("SET", `k${index}`, values[index]);
  client.send("MGET", "k0", "k1", "k2", "k3", "k4");
  await expect.poll(() => lower.readsWaiting).toBe(2);
  const other = await front.client();
  for (let index = 0; index < 7; index++) await other.ask("SET", `other${index}`, values[0]);
  lower.finishReads();
  const replies = (await client.reply()) as Buffer[];
  expect(replies.map((reply, index) => reply?.equals(values[index]))).toEqual(Array(5).fill(true));
  expectNothingHeld(front);
});

test("EXEC waits for the values of all its commands, in the databases they choose", async () => {
  const { front, lower, client } = await start({ holdReads: true });
  lower.put("a", "alpha");
  lower.put("b", "beta", 2);
  for (const words of [["MULTI"], ["GET", "a"], ["SELECT", "2"], ["GET", "b"], ["SET", "c", "d"]])
    await client.ask(...words);
  client.send("EXEC");
  await expect.poll(() => lower.readsWaiting).toBe(2);
  lower.finishReads();
  await client.exact("*4\r\n$5\r\nalpha\r\n+OK\r\n$4\r\nbeta\r\n+OK\r\n");
  expectNothingHeld(front);
});

test("a watched key is not changed by coming up, but by whoever changes it below", async () => {
  const { front, lower, client } = await start({ options: { limits: { tierWaitMs: 100 } } });
  const other = await front.client();
  lower.put("k", "value");
  await client.ask("WATCH", "k");
  await client.ask("GET", "k");
  await client.ask("MULTI");
  await client.ask("GET", "k");
  expect(await client.ask("EXEC")).toEqual(["value"]);
  lower.put("late", "value");
  lower.holdReads = true;
  await client.ask("WATCH", "late");
  await other.ask("DEL", "late");
  await client.ask("MULTI");
  await client.ask("PING");
  expect(await client.ask("EXEC")).toBeNull();
});

test("a user may not learn anything by waiting", async () => {
  const { lower, client } = await start({
    options: { users: [{ name: "u", access: "rw", keys: ["mine:*"], password: "p" }] },
  });
  lower.put("theirs:k", "value");
  await client.ask("AUTH", "u", "p");
  expect(await client.refusal("GET", "theirs:k")).toMatch(/^NOPERM/);
  expect(lower.readsBegun).toBe(0);
});

test("each tier's hits and misses add up, and so do the front's", async () => {
  const { front, lower, client } = await start();
  lower.put("below", "value");
  await client.ask("SET", "ram", "12345");
  await client.ask("GET", "ram");
  await client.ask("GET", "below");
  await client.ask("GET", "below");
  await client.ask("MGET", "none", "below", "ram");
  expect(front.server.state.hits).toBe(5);
  expect(front.server.state.misses).toBe(1);
  const { tiers, keyspace } = await statsOf(client);
  expect(keyspace).toEqual({ hits: 5, misses: 1 });
  expect(tiers[0]).toMatchObject({ name: "ram", hits: 4, hitBytes: 20, misses: 2, stored: 2 });
  expect(tiers[1]).toMatchObject({
    name: "fake",
    hits: 1,
    misses: 1,
    promoted: 1,
    promotedBytes: 5,
    failedReads: 0,
    prefetched: 0,
    color: "blue",
  });
  expect(await client.ask("INFO", "tiers")).toMatch(
    /^# Tiers\r\ntier0:name=ram,blocks=2,.*,hits=4,misses=2,hit_bytes=20\r\ntier1:name=fake,blocks=2,.*,hits=1,misses=1,/,
  );
});

test("clients over TLS wait as well, and their values keep their bytes", async () => {
  const { ca, server } = await makeCertificates();
  const { front, lower } = await start({ options: { tls: server } });
  const client = await front.client({ ca });
  const values = [1, 2, 3].map((seed) => pseudoRandomBytes(200_000, seed));
  for (const [index, value] of values.entries()) lower.put(`k${index}`, value);
  for (const index of [0, 1, 2]) {
    client.send("GET", `k${index}`);
    client.send("SET", `k${index}`, values[2 - index], "GET");
    client.send("GET", `k${index}`);
  }
  for (const index of [0, 1, 2])
    for (const value of [values[index], values[index], values[2 - index]])
      expect(((await client.reply()) as Buffer).equals(value)).toBe(true);
  expectNothingHeld(front);
});
