import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { startFront } from "../support/front.ts";
import type { Word } from "../support/raw-client.ts";

const WRONG = "WRONGPASS invalid username-password pair or user is disabled.";
const NO_AUTH = "NOAUTH Authentication required.";

test("with a password nothing is answered before it", async () => {
  const front = await startFront({ password: "secret" });
  const client = await front.client();
  const large = Buffer.alloc(10_000);
  for (const words of [["PING"], ["GET", "k"], ["SET", "k", large], ["INFO"], ["MULTI"]] as [
    string,
    ...Word[],
  ][])
    expect(await client.refusal(...words)).toBe(NO_AUTH);
  expect(await client.refusal("HELLO", 3)).toMatch(/^NOAUTH HELLO must be called/);
  expect(await client.refusal("AUTH", "wrong")).toBe(WRONG);
  expect(await client.refusal("AUTH", "default", "wrong")).toBe(WRONG);
  expect(await client.refusal("AUTH", "nobody", "secret")).toBe(WRONG);
  expect(await client.refusal("AUTH", "a", "b", "c")).toBe("ERR syntax error");
  expect(await client.refusal("GET", "k")).toBe(NO_AUTH);
  expect(await client.ask("AUTH", "secret")).toBe("OK");
  expect(await client.ask("SET", "k", large)).toBe("OK");
  expect(await client.ask("ACL", "WHOAMI")).toBe("default");
  expect(await client.ask("RESET")).toBe("RESET");
  expect(await client.refusal("GET", "k")).toBe(NO_AUTH);
  expect(await client.ask("AUTH", "default", "secret")).toBe("OK");
  expect(await client.ask("EXISTS", "k")).toBe(1);
});

test("HELLO may bring the password, and changes nothing when it is wrong", async () => {
  const front = await startFront({ password: "secret" });
  const client = await front.client();
  expect(await client.refusal("HELLO", 3, "AUTH", "default", "wrong")).toBe(WRONG);
  expect(await client.refusal("PING")).toBe(NO_AUTH);
  const reply = await client.ask("HELLO", 3, "AUTH", "default", "secret", "SETNAME", "engine");
  expect(reply).toBeInstanceOf(Map);
  expect((reply as Map<string, unknown>).get("proto")).toBe(3);
  expect(await client.ask("CLIENT", "GETNAME")).toBe("engine");
  await client.exact("_\r\n", "GET", "k");
});

test("without a password AUTH says so; a user name with any password will do", async () => {
  const client = await (await startFront()).client();
  expect(await client.refusal("AUTH", "secret")).toMatch(/without any password configured/);
  expect(await client.ask("AUTH", "default", "whatever")).toBe("OK");
});

test("CONFIG SET requirepass holds for those who come after", async () => {
  const front = await startFront();
  const client = await front.client();
  expect(await client.ask("CONFIG", "SET", "requirepass", "new")).toBe("OK");
  expect(await client.ask("PING")).toBe("PONG");
  expect(await client.ask("CONFIG", "GET", "requirepass")).toEqual(["requirepass", "(set)"]);
  const late = await front.client();
  expect(await late.refusal("PING")).toBe(NO_AUTH);
  expect(await late.ask("AUTH", "new")).toBe("OK");
  expect(await late.ask("CONFIG", "SET", "requirepass", "")).toBe("OK");
  expect(await (await front.client()).ask("PING")).toBe("PONG");
});

test("named users close the door to those without a name", async () => {
  const front = await startFront({
    users: [
      { name: "engine", password: "clear" },
      { name: "hashed", passwordSha256: createHash("sha256").update("hidden").digest("hex") },
      { name: "gone", password: "clear", disabled: true },
    ],
  });
  const client = await front.client();
  expect(await client.refusal("PING")).toBe(NO_AUTH);
  for (const [name, password] of [
    ["default", ""],
    ["default", "clear"],
    ["engine", "hidden"],
    ["hashed", "clear"],
    ["gone", "clear"],
  ])
    expect(await client.refusal("AUTH", name, password)).toBe(WRONG);
  expect(await client.refusal("AUTH", "clear")).toBe(WRONG);
  expect(await client.ask("AUTH", "engine", "clear")).toBe("OK");
  expect(await client.ask("ACL", "WHOAMI")).toBe("engine");
  expect(await client.ask("AUTH", "hashed", "hidden")).toBe("OK");
  expect(await client.ask("ACL", "WHOAMI")).toBe("hashed");
  expect(await client.ask("CLIENT", "INFO")).toContain(" user=hashed ");
});

test("a user that may only read changes nothing", async () => {
  const front = await startFront({
    password: "secret",
    users: [{ name: "reader", password: "r", access: "ro" }],
  });
  const writer = await front.client();
  await writer.ask("AUTH", "secret");
  await writer.ask("MSET", "k", "v", "l", "w");
  const client = await front.client();
  await client.ask("AUTH", "reader", "r");
  expect(await client.ask("GET", "k")).toBe("v");
  expect(await client.ask("KW.MATCH", "k", "l", "m")).toBe(2);
  expect(await client.ask("DBSIZE")).toBe(2);
  const large = Buffer.alloc(200_000);
  for (const words of [
    ["SET", "k", "x"],
    ["SET", "k", large],
    ["MSET", "k", large, "l", large],
    ["DEL", "k"],
    ["EXPIRE", "k", 1],
    ["RPUSH", "list", "x"],
    ["FLUSHALL"],
    ["CONFIG", "GET", "*"],
    ["MONITOR"],
    ["SHUTDOWN"],
    ["SLOWLOG", "GET"],
  ] as [string, ...Word[]][])
    expect(await client.refusal(...words)).toBe(
      `NOPERM User reader is read-only and has no permissions to run the '${words[0].toLowerCase()}' command`,
    );
  for (const sub of ["LIST", "KILL"])
    expect(await client.refusal("CLIENT", sub, "ID", "1")).toMatch(/^NOPERM /);
  expect(await client.ask("MGET", "k", "l")).toEqual(["v", "w"]);
  expect(await front.leftReserved()).toBe(0);
});

test("a user with key patterns sees and touches no other keys", async () => {
  const front = await startFront({
    password: "secret",
    users: [{ name: "team", password: "t", keys: ["a:*", "shared"] }],
  });
  const admin = await front.client();
  await admin.ask("AUTH", "secret");
  await admin.ask("MSET", "a:1", "1", "b:1", "2", "shared", "3");
  await admin.ask("RPUSH", "b:list", "x");
  const client = await front.client();
  await client.ask("AUTH", "team", "t");
  expect(await client.ask("MGET", "a:1", "shared")).toEqual(["1", "3"]);
  expect(await client.ask("SET", "a:2", "4")).toBe("OK");
  const large = Buffer.alloc(200_000);
  for (const words of [
    ["GET", "b:1"],
    ["MGET", "a:1", "b:1"],
    ["SET", "b:1", large],
    ["MSET", "a:1", large, "b:1", large],
    ["DEL", "a:1", "b:1"],
    ["RENAME", "a:1", "b:1"],
    ["RENAME", "b:1", "a:1"],
    ["KW.MATCH", "a:1", "b:1"],
    ["LRANGE", "b:list", 0, -1],
    ["WATCH", "b:1"],
    ["OBJECT", "ENCODING", "b:1"],
    ["MEMORY", "USAGE", "b:1"],
  ] as [string, ...Word[]][])
    expect([words[0], await client.refusal(...words)]).toEqual([
      words[0],
      "NOPERM No permissions to access a key",
    ]);
  for (const words of [["FLUSHDB"], ["CONFIG", "GET", "*"], ["MONITOR"]] as [string, ...Word[]][])
    expect(await client.refusal(...words)).toMatch(/^NOPERM User team has no permissions/);
  const own = ["a:1", "a:2", "shared"];
  expect(((await client.ask("KEYS", "*")) as string[]).toSorted()).toEqual(own);
  const [, scanned] = (await client.ask("SCAN", 0, "COUNT", 1000)) as [string, string[]];
  expect(scanned.toSorted()).toEqual(own);
  const [, rows] = (await client.ask("KW.SCAN", 0)) as [string, [string][]];
  expect(rows.map(([key]) => key).toSorted()).toEqual(own);
  for (let i = 0; i < 30; i++) expect(own).toContain(await client.ask("RANDOMKEY"));
  expect(await front.leftReserved()).toBe(0);
});

test("a client that has not shown who it is gets by with little", async () => {
  const front = await startFront({ password: "secret" });
  const many = await front.client();
  many.send(...(Array.from({ length: 11 }, () => "MGET") as [string, ...string[]]));
  await many.exact("-ERR Protocol error: invalid multibulk length\r\n");
  await many.ended();
  const long = await front.client();
  long.send("AUTH", "x".repeat(20 * 1024));
  await long.exact("-ERR Protocol error: invalid bulk length\r\n");
  await long.ended();
  const known = await front.client();
  await known.ask("AUTH", "secret");
  expect(await known.ask("MGET", ...Array.from({ length: 100 }, () => "k"))).toHaveLength(100);
  expect(await known.ask("SET", "k", Buffer.alloc(200_000))).toBe("OK");
});
