import { expect, test, vi } from "vitest";
import { startFront } from "../support/front.ts";
import { type Word, pairs } from "../support/raw-client.ts";

async function start() {
  const front = await startFront({ slowlogThresholdUs: -1 });
  return { front, client: await front.client() };
}

test("INFO has Redis's sections, and those that are asked for only", async () => {
  const { client } = await start();
  await client.ask("SET", "k", "v", "EX", 100);
  await client.ask("RPUSH", "list", "x");
  await client.ask("GET", "k");
  await client.ask("GET", "none");
  const sections = async (...words: string[]): Promise<string[]> =>
    [...((await client.ask("INFO", ...words)) as string).matchAll(/^# (\w+)\r$/gm)].map(
      ([, name]) => name,
    );
  const usual = [
    ..."Server Clients Memory Persistence Stats Replication CPU Modules".split(" "),
    "Cluster",
    "Keyspace",
    "Tiers",
  ];
  expect(await sections()).toEqual(usual);
  expect(await sections("default")).toEqual(usual);
  expect(await sections("all")).toHaveLength(usual.length + 2);
  expect(await sections("everything")).toHaveLength(usual.length + 2);
  expect(await sections("keyspace", "MEMORY")).toEqual(["Memory", "Keyspace"]);
  expect(await sections("none")).toEqual([]);
  const all = await client.ask("INFO", "all");
  for (const line of [
    /^redis_version:7\.0\.15\r$/m,
    /^keepwarm_version:test\r$/m,
    /^redis_mode:standalone\r$/m,
    /^role:master\r$/m,
    /^connected_clients:1\r$/m,
    /^maxmemory:16777216\r$/m,
    /^maxmemory_human:16\w*M\r$/m,
    /^keyspace_hits:1\r$/m,
    /^keyspace_misses:1\r$/m,
    /^cmdstat_get:calls=2,usec=\d+,usec_per_call=[\d.]+,rejected_calls=0,failed_calls=0\r$/m,
    /^latency_percentiles_usec_get:p50=[\d.]+,p99=[\d.]+,p99\.9=[\d.]+\r$/m,
    /^db0:keys=2,expires=1,avg_ttl=0\r$/m,
  ])
    expect(all).toMatch(line);
});

test("COMMAND describes every command", async () => {
  const { front, client } = await start();
  const known = front.server.state.commands.all.length;
  expect(await client.ask("COMMAND", "COUNT")).toBe(known);
  expect(await client.ask("COMMAND")).toHaveLength(known);
  expect(await client.ask("COMMAND", "LIST")).toHaveLength(known);
  expect(await client.ask("COMMAND", "INFO", "get", "nope", "MSET")).toEqual([
    expect.arrayContaining(["get", 2, ["readonly", "fast"], 1]),
    null,
    expect.arrayContaining(["mset", -3, ["write"], 1, -1, 2]),
  ]);
  const docs = pairs(await client.ask("COMMAND", "DOCS", "get", "nope"));
  expect(Object.keys(docs)).toEqual(["get"]);
  expect(docs["get"]).toEqual(expect.arrayContaining(["summary", "Returns a value, or nil."]));
  expect(await client.ask("COMMAND", "DOCS")).toHaveLength(2 * known);
  const keys = (...words: Word[]) => client.ask("COMMAND", "GETKEYS", ...words);
  expect(await keys("MSET", "a", 1, "b", 2)).toEqual(["a", "b"]);
  expect(await keys("EXISTS", "a", "b")).toEqual(["a", "b"]);
  expect(await keys("set", "a", "v", "EX", 1)).toEqual(["a"]);
  const failing = (...words: Word[]) => client.refusal("COMMAND", "GETKEYS", ...words);
  expect(await failing("NOPE", "a")).toBe("ERR Invalid command specified");
  expect(await failing("GET")).toBe("ERR Invalid number of arguments specified for command");
  expect(await failing("PING")).toBe("ERR The command has no key arguments");
  expect(await client.refusal("COMMAND", "NOPE")).toMatch(/^ERR unknown subcommand 'NOPE'/);
});

test("SLOWLOG keeps the last commands above the threshold, shortened, values in slots left out", async () => {
  const { client } = await start();
  await client.ask("CONFIG", "SET", "slowlog-max-len", 3, "slowlog-log-slower-than", 0);
  await client.ask("CLIENT", "SETNAME", "engine");
  await client.ask("SLOWLOG", "RESET");
  await client.ask("SET", "block", Buffer.alloc(200_000));
  await client.ask("SET", "long", "x".repeat(1000));
  await client.ask("EXISTS", ...Array.from({ length: 100 }, (_, i) => `k${i}`));
  await client.ask("CONFIG", "SET", "slowlog-log-slower-than", -1);
  expect(await client.ask("SLOWLOG", "LEN")).toBe(3);
  const entries = (await client.ask("SLOWLOG", "GET", -1)) as [
    number,
    number,
    number,
    string[],
    string,
    string,
  ][];
  expect(entries).toHaveLength(3);
  const [exists, long, block] = entries;
  expect(exists[3]).toHaveLength(32);
  expect(exists[3].at(-1)).toBe("... (70 more arguments)");
  expect(long[3]).toEqual(["SET", "long", `${"x".repeat(128)}... (872 more bytes)`]);
  expect(block[3]).toEqual(["SET", "block", "(block)"]);
  expect(long[4]).toMatch(/^127\.0\.0\.1:\d+$/);
  expect(long[5]).toBe("engine");
  expect(long[0]).toBeLessThan(exists[0]);
  expect(long[2]).toBeGreaterThan(0);
  expect(await client.ask("SLOWLOG", "GET", 1)).toHaveLength(1);
  expect(await client.ask("SLOWLOG", "RESET")).toBe("OK");
  expect(await client.ask("SLOWLOG", "GET")).toEqual([]);
  expect(await client.refusal("SLOWLOG", "GET", -2)).toMatch(/greater than or equal to -1/);
  expect(await client.refusal("SLOWLOG", "NOPE")).toMatch(/unknown subcommand/);
});

test("LATENCY has a histogram of each command that ran", async () => {
  const { client } = await start();
  await client.ask("SET", "k", "v");
  await client.ask("GET", "k");
  const histogram = pairs(await client.ask("LATENCY", "HISTOGRAM"));
  expect(Object.keys(histogram).toSorted()).toEqual(["get", "set"]);
  expect(histogram["get"]).toEqual(expect.arrayContaining(["calls", 1, "histogram_usec"]));
  expect(await client.ask("LATENCY", "HISTOGRAM", "GET")).toHaveLength(2);
  expect(await client.ask("LATENCY", "LATEST")).toEqual([]);
  expect(await client.ask("LATENCY", "RESET")).toBe(0);
  expect(await client.ask("LATENCY", "DOCTOR")).toContain("LATENCY HISTOGRAM");
  expect(await client.refusal("LATENCY", "GRAPH")).toMatch(/unknown subcommand/);
});

test("MEMORY tells what keys and all of them take", async () => {
  const { client } = await start();
  await client.ask("SET", "k", Buffer.alloc(100_000));
  await client.ask("RPUSH", "list", "x".repeat(500));
  const block = await client.ask("MEMORY", "USAGE", "k");
  expect(block).toBeGreaterThan(100_000);
  expect(block).toBeLessThan(110_000);
  expect(await client.ask("MEMORY", "USAGE", "list")).toBeGreaterThan(500);
  expect(await client.ask("MEMORY", "USAGE", "none")).toBe(null);
  expect(await client.refusal("MEMORY", "USAGE")).toMatch(/wrong number of arguments/);
  expect(pairs(await client.ask("MEMORY", "STATS"))).toMatchObject({
    "dataset.bytes": 100_000,
    "keys.count": 2,
    "limit.bytes": 16 * 1024 ** 2,
  });
  expect(await client.ask("MEMORY", "DOCTOR")).toBe("Nothing to complain about.\n");
  expect(await client.ask("MEMORY", "PURGE")).toBe("OK");
  expect(await client.refusal("MEMORY", "NOPE")).toMatch(/unknown subcommand/);
});

test("MONITOR shows what others do, long values cut, and no secrets", async () => {
  const { front, client } = await start();
  const watcher = await front.client();
  expect(await watcher.ask("MONITOR")).toBe("OK");
  await client.ask("SELECT", 3);
  await client.ask("SET", 'k"\n\u0001', "x".repeat(200));
  await client.ask("SET", "big", Buffer.alloc(200_000));
  await client.refusal("AUTH", "a-password");
  await client.ask("CONFIG", "GET", "port");
  await client.ask("PING");
  const lines: string[] = [];
  for (let i = 0; i < 4; i++) lines.push((await watcher.reply()) as string);
  expect(lines[0]).toMatch(/^\d+\.\d{6} \[0 127\.0\.0\.1:\d+\] "SELECT" "3"$/);
  expect(lines[1]).toMatch(
    /^\d+\.\d{6} \[3 127\.0\.0\.1:\d+\] "SET" "k\\"\\n\\x01" "x{128}\.\.\. \(72 more bytes\)"$/,
  );
  expect(lines[2]).toMatch(/"SET" "big" "\(block\)"$/);
  expect(lines[3]).toMatch(/"PING"$/);
  expect(await client.ask("CLIENT", "LIST")).toMatch(/ flags=O /);
  watcher.close();
  await expect.poll(() => front.server.state.monitors.size).toBe(0);
});

test("what needs replicas, disks or scripts is answered in words", async () => {
  const { client } = await start();
  expect(await client.ask("WAIT", 1, 1000)).toBe(0);
  expect(await client.ask("ROLE")).toEqual(["master", 0, []]);
  for (const command of ["SAVE", "BGSAVE", "BGREWRITEAOF"])
    expect(await client.refusal(command)).toMatch(/^ERR there is nothing to save/);
  expect(await client.ask("LASTSAVE")).toBeGreaterThan(1_700_000_000);
  expect(await client.ask("REPLICAOF", "no", "one")).toBe("OK");
  expect(await client.refusal("REPLICAOF", "127.0.0.1", 6379)).toMatch(/no replication/);
  for (const words of [
    ["EVAL", "return 1", 0],
    ["EVALSHA", "abc", 0],
    ["SCRIPT", "LOAD", "return 1"],
    ["FCALL", "f", 0],
  ] satisfies [string, ...Word[]][])
    expect(await client.refusal(...words)).toMatch(
      /^ERR \w+ is not supported: Keepwarm runs no scripts.*KW\.MATCH/,
    );
});

test("small commands of every connection", async () => {
  const { client } = await start();
  expect(await client.ask("PING", "hello")).toBe("hello");
  expect(await client.refusal("PING", "a", "b")).toMatch(/wrong number of arguments/);
  expect(await client.ask("ECHO", "hello")).toBe("hello");
  expect(await client.ask("ACL", "WHOAMI")).toBe("default");
  expect(await client.refusal("ACL", "LIST")).toMatch(/auth\.users/);
  expect(await client.ask("TIME")).toHaveLength(2);
  await client.ask("SELECT", 2);
  await client.ask("HELLO", 3);
  expect(await client.ask("RESET")).toBe("RESET");
  await client.exact("$-1\r\n", "GET", "k");
  expect(await client.ask("CLIENT", "INFO")).toContain(" db=0 ");
  expect(await client.ask("QUIT")).toBe("OK");
  await client.ended();
});

test("SHUTDOWN is the embedding program's to allow", async () => {
  const { client } = await start();
  expect(await client.refusal("SHUTDOWN")).toMatch(/stop the process that embeds this store/);
  const onShutdown = vi.fn<() => void>();
  const front = await startFront({ onShutdown });
  const other = await front.client();
  other.send("SHUTDOWN", "NOSAVE");
  await other.ended();
  expect(onShutdown).toHaveBeenCalledOnce();
});
