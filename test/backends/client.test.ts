import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { connectResp } from "../../src/backends/valkey/client.ts";
import type { RespConnection } from "../../src/backends/valkey/connection.ts";
import { parseConfig } from "../../src/config/load.ts";
import { startServer } from "../../src/config/server.ts";
import { ReplyDecoder } from "../../src/wire/resp/reply-decoder.ts";
import { replyText } from "../../src/wire/resp/reply.ts";
import { startRedisServer } from "../../src/testing/servers/redis-server.ts";

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const thing of open.splice(0)) await thing.close();
});

async function connect(url: string, options = {}): Promise<RespConnection> {
  const connection = await connectResp(url, options);
  open.push(connection);
  return connection;
}

/** A server that does what `act` does with each connection, after answering the greeting. */
async function peer(act: (socket: Socket, request: Buffer) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("data", () => {
      socket.write("+PONG\r\n");
      socket.on("data", (request: Buffer) => act(socket, request));
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  open.push({
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  });
  return `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Started {
  readonly url: string;
  stop(): Promise<unknown>;
}

async function startKeepwarm(password: string): Promise<Started> {
  const server = await startServer(
    parseConfig({ resp: { port: 0 }, ram: { size: "64MiB" }, auth: { password } }),
  );
  return { url: server.listeners.resp, stop: () => server.close() };
}

const peers: [name: string, start: (password: string) => Promise<Started>][] = [
  ["redis-server", (password) => startRedisServer({ args: ["--requirepass", password] })],
  ["keepwarm", startKeepwarm],
];

describe.each(peers)("against %s", (_, start) => {
  let server: Started;
  let url: string;
  let bare: string;
  beforeAll(async () => {
    server = await start("p@ss");
    bare = server.url;
    url = bare.replace("//", "//:p%40ss@");
  });
  afterAll(() => server.stop());

  test.each([0, 1, 100, 16_383, 16_384, 65_536, 1_000_000, 7_340_032])(
    "a value of %d bytes goes in and comes back into the caller's memory",
    async (size) => {
      const connection = await connect(url);
      const value = Buffer.alloc(size, "0123456789abcdef");
      await connection.set("k", [value.subarray(0, 5), value.subarray(5)]);
      const memory = Buffer.alloc(size + 3, "#");
      expect(await connection.getInto("k", memory)).toBe(size);
      expect(memory.subarray(0, size).equals(value)).toBe(true);
      expect(memory.subarray(size).toString()).toBe("###");
      expect(value.equals((await connection.command(["GET", "k"])) as Buffer)).toBe(true);
    },
  );

  test("a long value is read straight into its memory, past the window for headers", async () => {
    const connection = await connect(url);
    const size = 8 * 1024 ** 2;
    await connection.set("k", Buffer.alloc(size, 7));
    const decoded = vi.spyOn(ReplyDecoder.prototype, "write");
    try {
      await connection.getInto("k", Buffer.alloc(size));
      const copied = decoded.mock.calls.reduce((sum, [chunk]) => sum + chunk.length, 0);
      expect(copied).toBeLessThan(128 * 1024);
    } finally {
      decoded.mockRestore();
    }
  });

  test("a key that is not there is undefined", async () => {
    const connection = await connect(url);
    expect(await connection.getInto("gone", Buffer.alloc(1))).toBeUndefined();
  });

  test("many calls in flight are answered in order", async () => {
    const connection = await connect(url);
    const values = Array.from({ length: 40 }, (_, i) => Buffer.alloc(1 + i * 5000, i));
    const memories = values.map((value) => Buffer.alloc(value.length));
    const calls = values.flatMap((value, i) => [
      connection.set(`n${i}`, value),
      connection.getInto(`n${i}`, memories[i]),
    ]);
    expect(connection.pending).toBe(80);
    await Promise.all(calls);
    expect(memories.every((memory, i) => memory.equals(values[i]))).toBe(true);
    expect(connection.pending).toBe(0);
  });

  test("a value longer than the memory fails that call only and touches nothing", async () => {
    const connection = await connect(url);
    await connection.set("long", Buffer.alloc(100_000, "x"));
    const memory = Buffer.alloc(50_000, "#");
    const calls = await Promise.allSettled([
      connection.getInto("long", memory),
      connection.command(["PING"]),
    ]);
    expect(calls).toMatchObject([
      { status: "rejected", reason: { code: "INPUT_INVALID" } },
      { status: "fulfilled", value: "PONG" },
    ]);
    expect(memory.every((byte) => byte === 35)).toBe(true);
  });

  test("an error reply fails that call only", async () => {
    const connection = await connect(url);
    await expect(connection.command(["NONSENSE"])).rejects.toMatchObject({
      code: "REPLY",
      cause: { code: "ERR" },
    });
    expect(await connection.command(["PING"])).toBe("PONG");
  });

  test("a time to live in milliseconds", async () => {
    const connection = await connect(url);
    await connection.set("brief", Buffer.from("x"), { ttlMs: 60_000 });
    expect(await connection.command(["PTTL", "brief"])).toBeGreaterThan(50_000);
  });

  test("the database of the URL is selected", async () => {
    const [first, other] = [await connect(url), await connect(`${url}/3`)];
    await other.set("only-in-3", Buffer.from("x"));
    expect(await first.command(["EXISTS", "only-in-3"])).toBe(0);
    expect(await other.command(["EXISTS", "only-in-3"])).toBe(1);
  });

  test("RESP3 is spoken on request", async () => {
    const connection = await connect(url, { protocol: 3 });
    expect(await connection.command(["CONFIG", "GET", "maxmemory"])).toBeInstanceOf(Map);
    expect(await connection.getInto("gone", Buffer.alloc(1))).toBeUndefined();
  });

  test("without or with a wrong password the error says what to do", async () => {
    await expect(connectResp(bare)).rejects.toMatchObject({
      code: "REPLY",
      remedy: expect.stringContaining("KEEPWARM_PASSWORD"),
    });
    await expect(connectResp(bare, { password: "no" })).rejects.toThrow(/WRONGPASS/);
    const connection = await connect(bare, { password: "p@ss" });
    expect(await connection.command(["PING"])).toBe("PONG");
  });
});

describe("RESP3", () => {
  test("pushes are heard", async () => {
    await using server = await startRedisServer();
    const pushes: unknown[] = [];
    const connection = await connectResp(server.url, {
      protocol: 3,
      onPush: (message) => pushes.push(message),
    });
    await connection.command(["CLIENT", "TRACKING", "ON", "BCAST"]);
    await connection.command(["SET", "tracked", "1"]);
    await connection.command(["PING"]);
    expect(pushes).toHaveLength(1);
    await connection.close();
  });
});

describe("when the peer misbehaves", () => {
  test("nobody listening", async () => {
    const url = await peer(() => {});
    await open.pop()?.close();
    await expect(connectResp(url)).rejects.toMatchObject({ code: "CONNECTION_FAILED" });
  });

  test("a server that never answers the greeting", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    open.push(server);
    const url = `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await expect(connectResp(url, { deadlineMs: 30 })).rejects.toMatchObject({ code: "TIMEOUT" });
  });

  test("a server that hangs up rejects all who wait", async () => {
    const connection = await connect(await peer((socket) => socket.destroy()));
    const calls = await Promise.allSettled([
      connection.command(["GET", "a"]),
      connection.getInto("b", Buffer.alloc(10)),
      connection.set("c", Buffer.alloc(100_000)),
    ]);
    expect(calls).toMatchObject(
      Array.from({ length: 3 }, () => ({ reason: { code: "CONNECTION_FAILED" } })),
    );
    expect(connection.usable).toBe(false);
    await expect(connection.command(["PING"])).rejects.toMatchObject({
      code: "CONNECTION_FAILED",
    });
  });

  test("a server that hangs up in the middle of a value", async () => {
    const url = await peer((socket) => socket.end("$100000\r\nabc"));
    const connection = await connect(url);
    await expect(connection.getInto("k", Buffer.alloc(100_000))).rejects.toMatchObject({
      code: "CONNECTION_FAILED",
    });
  });

  test("silence ends the call at its deadline and the ones behind it with the connection", async () => {
    const connection = await connect(await peer(() => {}));
    const calls = await Promise.allSettled([
      connection.command(["GET", "a"], { deadlineMs: 20 }),
      connection.command(["GET", "b"]),
    ]);
    expect(calls).toMatchObject([
      { reason: { code: "TIMEOUT" } },
      { reason: { code: "CONNECTION_FAILED" } },
    ]);
  });

  test("no RESP at all", async () => {
    const connection = await connect(await peer((socket) => socket.write("HTTP/1.1 400 Bad\r\n")));
    await expect(connection.command(["GET", "a"])).rejects.toMatchObject({ code: "PROTOCOL" });
  });

  test("an answer that nobody asked for", async () => {
    const connection = await connect(await peer((socket) => socket.write("+OK\r\n+OK\r\n")));
    expect(await connection.command(["GET", "a"])).toBe("OK");
    expect(connection.usable).toBe(false);
  });

  test("a call given up early leaves the connection in order", async () => {
    const asked: Socket[] = [];
    const connection = await connect(await peer((socket) => asked.push(socket)));
    const memory = Buffer.alloc(4, "#");
    const abort = new AbortController();
    const given = connection.getInto("a", memory, { signal: abort.signal });
    const kept = connection.command(["GET", "b"]);
    while (asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
    abort.abort(new Error("enough"));
    await expect(given).rejects.toThrow("enough");
    asked[0].write("$4\r\nlate\r\n$4\r\nmine\r\n");
    expect(replyText(await kept)).toBe("mine");
    expect(memory.toString()).toBe("####");
  });

  test("a call given up while its value arrives breaks the connection", async () => {
    const connection = await connect(await peer((socket) => socket.write("$100000\r\nabc")));
    const abort = new AbortController();
    const memory = Buffer.alloc(100_000);
    const given = connection.getInto("a", memory, { signal: abort.signal });
    while (memory[0] === 0) await new Promise((resolve) => setImmediate(resolve));
    abort.abort(new Error("enough"));
    await expect(given).rejects.toThrow("enough");
    expect(connection.usable).toBe(false);
  });

  test("closing waits for what is in flight", async () => {
    const connection = await connect(await peer((socket) => socket.write("$2\r\nhi\r\n")));
    const call = connection.command(["GET", "a"]);
    const closed = connection.close();
    await expect(connection.command(["GET", "b"])).rejects.toMatchObject({ code: "CLOSED" });
    expect(replyText(await call)).toBe("hi");
    await closed;
    expect(connection.usable).toBe(false);
  });
});
