import { expect, test } from "vitest";
import { startFront } from "../support/front.ts";

test("LMCache's C++ client gets the exact bytes that it expects", async () => {
  const front = await startFront({ password: "secret" });
  const client = await front.client();
  const key = "Qwen/Qwen3-8B@01000100@0@6309ed506b872190";
  const value = Buffer.alloc(1_000_000, "kv");
  await client.exact("+OK\r\n", "AUTH", "secret");
  await client.exact(":0\r\n", "EXISTS", key);
  await client.exact("$-1\r\n", "GET", key);
  await client.exact("+OK\r\n", "SET", key, value);
  await client.exact(":1\r\n", "EXISTS", key);
  client.send("GET", key);
  expect((await client.bytes(10)).toString()).toBe("$1000000\r\n");
  expect((await client.bytes(value.length)).equals(value)).toBe(true);
  expect((await client.bytes(2)).toString()).toBe("\r\n");
  await client.exact(":1\r\n", "DEL", key);
  await client.exact(":0\r\n", "DEL", key);
  await client.exact("$-1\r\n", "GET", key);
});

test("AUTH with a user's name is answered the same", async () => {
  const front = await startFront({ users: [{ name: "engine", password: "secret" }] });
  await (await front.client()).exact("+OK\r\n", "AUTH", "engine", "secret");
});

test("RESP2 gets the older form of every reply", async () => {
  const front = await startFront();
  const client = await front.client();
  await client.exact("$-1\r\n", "GET", "none");
  await client.exact("*-1\r\n", "LPOP", "none", 2);
  await client.exact("*2\r\n$-1\r\n$-1\r\n", "MGET", "a", "b");
  await client.exact(":1\r\n", "HSET", "h", "f", "v");
  await client.exact("*2\r\n$1\r\nf\r\n$1\r\nv\r\n", "HGETALL", "h");
  await client.exact("*0\r\n", "HGETALL", "none");
  await client.exact("*2\r\n$4\r\nport\r\n$" + portBulk(front), "CONFIG", "GET", "port");
  await client.exact("$11\r\n# Modules\r\n\r\n", "INFO", "modules");
});

test("RESP3 gets nil, maps, sets and verbatim text as such", async () => {
  const front = await startFront();
  const client = await front.client();
  client.send("HELLO", 3);
  expect((await client.bytes(4)).toString()).toBe("%7\r\n");
  await client.exact(
    "$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n" +
      "$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n" +
      "+PONG\r\n",
    "PING",
  );
  await client.exact("_\r\n", "GET", "none");
  await client.exact("_\r\n", "LPOP", "none", 2);
  await client.exact("*2\r\n_\r\n_\r\n", "MGET", "a", "b");
  await client.exact(":1\r\n", "HSET", "h", "f", "v");
  await client.exact("%1\r\n$1\r\nf\r\n$1\r\nv\r\n", "HGETALL", "h");
  await client.exact("%0\r\n", "HGETALL", "none");
  await client.exact("%1\r\n$4\r\nport\r\n$" + portBulk(front), "CONFIG", "GET", "port");
  await client.exact("=15\r\ntxt:# Modules\r\n\r\n", "INFO", "modules");
  await client.exact(
    "*1\r\n*10\r\n$3\r\nget\r\n:2\r\n~2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n~1\r\n+@string\r\n*0\r\n*0\r\n*0\r\n",
    "COMMAND",
    "INFO",
    "get",
  );
});

test("HELLO 2 is answered as a flat list, and takes a RESP3 client back", async () => {
  const front = await startFront();
  const client = await front.client();
  await client.ask("HELLO", 3);
  const reply = await client.ask("HELLO", 2, "SETNAME", "engine");
  expect(reply).toHaveLength(14);
  expect(reply).toEqual(expect.arrayContaining(["proto", 2, "role", "master"]));
  await client.exact("$-1\r\n", "GET", "none");
  await client.exact("$6\r\nengine\r\n", "CLIENT", "GETNAME");
  expect(await client.refusal("HELLO", 4)).toMatch(/^NOPROTO /);
  expect(await client.refusal("HELLO", "x")).toMatch(/^NOPROTO /);
  expect(await client.refusal("HELLO", 3, "WHAT")).toBe("ERR Syntax error in HELLO option 'WHAT'");
  await client.exact("$-1\r\n", "GET", "none");
});

test("inline commands and pipelines are answered in order", async () => {
  const client = await (await startFront()).client();
  client.raw('SET "a key" \'its value\'\r\nGET "a key"\nPING\r\n\r\nECHO done\r\n');
  await client.exact("+OK\r\n$9\r\nits value\r\n+PONG\r\n$4\r\ndone\r\n");
});

test("what is no request ends the connection with the reason", async () => {
  const front = await startFront();
  const cases = [
    ["*1\r\n:3\r\n", "expected '$', got ':'"],
    ["*x\r\n", "invalid multibulk length"],
    ["*1\r\n$-4\r\n", "invalid bulk length"],
    ["*1\r\n$4\r\nPINGxx", "expected CRLF after an argument"],
    ['SET "a\r\n', "unbalanced quotes in request"],
  ] as const;
  for (const [bytes, reason] of cases) {
    const client = await front.client();
    client.raw(bytes);
    await client.exact(`-ERR Protocol error: ${reason}\r\n`);
    await client.ended();
  }
  expect(front.server.state.protocolErrors).toBe(cases.length);
});

test("an unknown command and a wrong number of arguments are Redis's errors", async () => {
  const client = await (await startFront()).client();
  await client.exact(
    "-ERR unknown command 'NOPE', with args beginning with: 'a' 'b'\r\n",
    "NOPE",
    "a",
    "b",
  );
  await client.exact("-ERR wrong number of arguments for 'get' command\r\n", "GET");
  await client.exact("-ERR wrong number of arguments for 'get' command\r\n", "get", "a", "b");
});

function portBulk(front: { server: { state: { port: number } } }): string {
  const port = String(front.server.state.port);
  return `${port.length}\r\n${port}\r\n`;
}
