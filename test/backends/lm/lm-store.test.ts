import net from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { LmStore } from "../../../src/backends/lm/lm-store.ts";
import type { LmStoreOptions } from "../../../src/backends/lm/store-options.ts";
import { command } from "../../../src/wire/lm/header.ts";
import { pseudoRandomBytes } from "../../support/bytes.ts";
import { blob, packPut, packReply, packRequest } from "../../support/lm.ts";
import { eventually, startLmFront } from "../../support/lm-front.ts";

const KEY = "m@1@0@44ea817d9387da2c@bfloat16";
const MIB = 1024 ** 2;

function open(options: LmStoreOptions): LmStore {
  const store = new LmStore(options);
  onTestFinished(() => store.close());
  return store;
}

/** A server that does what the test says with what it is sent. */
async function fakeServer(serve: (socket: net.Socket, bytes: Buffer) => void): Promise<string> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    let bytes = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      serve(socket, bytes);
    });
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `lm://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
}

async function read(store: LmStore, key: string): Promise<Buffer | undefined> {
  const [block] = await store.get([key]);
  const copy = block && Buffer.from(block.bytes);
  block?.release();
  return copy;
}

/** How long a call takes, in ms. */
async function elapsed(call: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await call();
  return performance.now() - began;
}

describe("blocks", () => {
  test("of LMCache's keys are LMCache's blocks, with the description asked for", async () => {
    const front = await startLmFront();
    const client = await front.client();
    const value = pseudoRandomBytes(MIB);
    const description = { format: 1, dtype: 3, shape: [2, 2, 4, 16] } as const;
    await open({ url: front.server.url, description }).put([{ key: KEY, value }]);
    await client.hit(KEY, value, description);
    const store = open({ url: front.server.url });
    expect(await read(store, KEY)).toEqual(value);
    await store.put([{ key: KEY, value: [value.subarray(0, 5), value.subarray(5)] }]);
    await client.hit(KEY, value, blob(MIB));
  });

  test("are read into the caller's memory, and those not wanted are misses", async () => {
    const front = await startLmFront();
    const store = open({ url: front.server.url });
    const values = [1, 2, 3].map((seed) => pseudoRandomBytes(100_000, seed));
    await store.put(values.map((value, index) => ({ key: `k${index}`, value })));
    const memory = Buffer.alloc(300_000);
    const found = await store.getInto(["k0", "k1", "none", "k2"], (index, length) => {
      expect(length).toBe(100_000);
      return index === 1 ? undefined : memory.subarray(index === 3 ? 100_000 : 0);
    });
    expect(found).toEqual([{ bytes: 100_000 }, undefined, undefined, { bytes: 100_000 }]);
    expect(memory.subarray(0, 100_000).equals(values[0])).toBe(true);
    expect(memory.subarray(100_000, 200_000).equals(values[2])).toBe(true);
    expect(store.stats()).toMatchObject({ hits: 2, misses: 2, failedReads: 0 });
  });

  test("that the server has no room for are rejected, with that reason", async () => {
    const front = await startLmFront({ limits: { valueBytes: 1000 } });
    const store = open({ url: front.server.url });
    const outcomes = await store.put([
      { key: "small", value: Buffer.alloc(1000) },
      { key: "large", value: Buffer.alloc(1001) },
    ]);
    expect(outcomes).toEqual([{ status: "stored" }, { status: "rejected", reason: "no-room" }]);
  });

  test("in hundreds are asked for in few writes, several at a time", async () => {
    const front = await startLmFront();
    const store = open({ url: front.server.url });
    const keys = Array.from({ length: 300 }, (_, index) => `key-${index}`);
    await store.put(keys.slice(0, 200).map((key) => ({ key, value: Buffer.from(key) })));
    expect(await store.match(keys)).toBe(200);
    const blocks = await store.get(keys);
    expect(blocks.filter((block) => block !== undefined)).toHaveLength(200);
    for (const [index, block] of blocks.entries()) {
      if (block) expect(Buffer.from(block.bytes).toString()).toBe(keys[index]);
      block?.release();
    }
    expect(front.server.state.connections.size).toBeLessThanOrEqual(4);
  });

  test("deleted from a server that cannot delete are absent all the same", async () => {
    // Keeps everything by its key, a header for what is deleted as well: as lmcache_server does.
    const kept = new Map<string, Buffer>();
    const seen = new Map<net.Socket, number>();
    const url = await fakeServer((socket, bytes) => {
      let at = seen.get(socket) ?? 0;
      while (bytes.length - at >= 186) {
        const length = bytes.readInt32LE(at + 4);
        const key = bytes.subarray(at + 36, at + 186).toString();
        const number = bytes.readInt32LE(at);
        const size = number === command.put ? length : 0;
        if (bytes.length - at < 186 + size) break;
        if (number === command.put) {
          const header = Buffer.concat([
            Buffer.from([200, 0, 0, 0]),
            bytes.subarray(at + 4, at + 16),
            bytes.subarray(at + 20, at + 36),
            Buffer.alloc(4),
          ]);
          kept.set(key, Buffer.concat([header, bytes.subarray(at + 186, at + 186 + size)]));
        } else if (number === command.get) socket.write(kept.get(key) ?? packReply(400, 0));
        else socket.write(packReply(kept.has(key) ? 200 : 400, 0));
        at += 186 + size;
      }
      seen.set(socket, at);
    });
    const store = open({ url });
    await store.put([
      { key: KEY, value: Buffer.from("v") },
      { key: "empty", value: Buffer.alloc(0) },
    ]);
    expect(await store.delete([KEY, "none", KEY])).toBe(1);
    expect(await store.has([KEY, "empty"])).toEqual([false, true]);
    expect(await read(store, KEY)).toBeUndefined();
    expect(await read(open({ url }), KEY)).toBeUndefined();
    expect(await read(store, "empty")).toEqual(Buffer.alloc(0));
    await store.put([{ key: KEY, value: Buffer.from("again") }]);
    expect(await store.has([KEY])).toEqual([true]);
    expect(String(await read(store, KEY))).toBe("again");
  });
});

describe("a server that fails", () => {
  test("and was never there costs microseconds after the first call", async () => {
    const store = open({ url: "lm://127.0.0.1:1" });
    expect(await store.get(["a"])).toEqual([undefined]);
    expect(store.stats().server.breaker).toBe("open");
    const ms = await elapsed(async () => {
      for (let round = 0; round < 100; round++) {
        expect(await store.get(["a"])).toEqual([undefined]);
        expect(await store.match(["a"])).toBe(0);
      }
    });
    expect(ms).toBeLessThan(200);
    expect(await store.put([{ key: "a", value: Buffer.alloc(1) }])).toEqual([
      { status: "rejected", reason: "failed" },
    ]);
    await expect(store.check()).rejects.toMatchObject({ code: "CONNECTION_FAILED" });
    expect(store.stats()).toMatchObject({ misses: 101, failedReads: 101, rejected: 1 });
  });

  test("by saying nothing costs one deadline, then microseconds", async () => {
    const url = await fakeServer(() => {});
    const store = open({ url, deadlineMs: 150, connectDeadlineMs: 100 });
    const first = await elapsed(() => store.get(["a", "b", "c", "d", "e", "f", "g", "h"]));
    expect(first).toBeGreaterThanOrEqual(140);
    expect(first).toBeLessThan(250);
    expect(store.stats().server).toMatchObject({ breaker: "open", outages: 1 });
    expect(await elapsed(() => store.get(["a", "b"]))).toBeLessThan(50);
    expect(await elapsed(() => store.put([{ key: "a", value: Buffer.alloc(MIB) }]))).toBeLessThan(
      50,
    );
  });

  test("and comes back is used again, and lost connections alone cost nothing", async () => {
    const front = await startLmFront();
    const { port } = front.server.state;
    const store = open({ url: front.server.url });
    const value = pseudoRandomBytes(100_000);
    await store.put([{ key: KEY, value }]);
    for (const connection of front.server.state.connections) connection.destroy();
    expect(await read(store, KEY)).toEqual(value);
    await front.server.close(0);
    expect(await read(store, KEY)).toBeUndefined();
    expect(await read(store, KEY)).toBeUndefined();
    expect(store.stats().server.breaker).toBe("open");
    const tiers = front.server.state.tiers;
    const again = await startLmFront({ port, tiers });
    await eventually(() => read(store, KEY)).toEqual(value);
    expect(again.server.stats().hits).toBe(1);
    expect(store.stats().server).toMatchObject({ breaker: "closed", outages: 1 });
  });

  test.each([
    ["ends amid a header", packReply(200, 4, blob(4)).subarray(0, 20)],
    ["ends amid a value", Buffer.concat([packReply(200, 400, blob(400)), Buffer.alloc(399)])],
    ["ends at once", Buffer.alloc(0)],
  ])("and %s gives a miss", async (_, reply) => {
    const url = await fakeServer((socket, bytes) => {
      if (bytes.length >= 186) socket.end(reply);
    });
    const store = open({ url });
    expect(await store.get(["a"])).toEqual([undefined]);
    expect(store.stats()).toMatchObject({ misses: 1, failedReads: 1 });
  });

  test.each([
    ["another protocol", Buffer.from("-ERR Protocol error: unbalanced quotes in request\r\n")],
    ["an impossible code", packReply(7, 0)],
    ["a reply too many", Buffer.concat([packReply(400, 0), packReply(400, 0)])],
  ])("by %s is a miss and not asked on", async (_, reply) => {
    const url = await fakeServer((socket, bytes) => {
      if (bytes.length >= 186) socket.write(reply);
    });
    const store = open({ url });
    expect(await store.get(["a"])).toEqual([undefined]);
    await eventually(() => store.stats().server.breaker).toBe("open");
  });

  test("by a value longer than any block is a miss", async () => {
    const url = await fakeServer((socket, bytes) => {
      if (bytes.length % 186 === 0) socket.write(packReply(200, 5000, blob(5000)));
      if (bytes.length % 186 === 0) socket.write(Buffer.alloc(5000));
    });
    const store = open({ url, maxBlockBytes: 4999 });
    expect(await store.get(["a"])).toEqual([undefined]);
    expect(await store.get(["a"])).toEqual([undefined]);
    expect(store.stats().failedReads).toBe(0);
  });

  test("leaves calls beyond the bound of the queue at once", async () => {
    const url = await fakeServer(() => {});
    const store = open({ url, deadlineMs: 300, queueCalls: 10, connections: 1 });
    const keys = Array.from({ length: 50 }, (_, index) => `k${index}`);
    expect(await elapsed(() => store.get(keys))).toBeLessThan(500);
    expect(store.stats().failedReads).toBe(50);
  });
});

test("a signal ends a call in the middle, and the store goes on", async () => {
  const front = await startLmFront();
  const good = packPut(KEY, pseudoRandomBytes(MIB));
  (await front.client()).raw.raw(good);
  const url = await fakeServer((socket, bytes) => {
    const header = packRequest(command.get, KEY);
    if (bytes.equals(header)) socket.write(packReply(200, MIB, blob(MIB)));
  });
  const store = open({ url });
  const abort = new AbortController();
  const reading = store.get([KEY], { signal: abort.signal });
  setImmediate(() => abort.abort(new Error("enough")));
  await expect(reading).rejects.toThrow("enough");
  expect(store.stats().server.breaker).toBe("closed");
  const fine = open({ url: front.server.url });
  await eventually(() => read(fine, KEY)).toHaveLength(MIB);
});

test("options that cannot be used are named", () => {
  expect(() => new LmStore("redis://a")).toThrow(/is no lm:\/\/ URL/);
  expect(() => new LmStore({ connections: 0 })).toThrow(/connections of the lm store is 0/);
  expect(() => new LmStore({ maxBlockBytes: 2 ** 31 })).toThrow(/maxBlockBytes/);
});
