import { expect, test } from "vitest";
import { BlockPattern } from "../../src/cli/load/pattern.ts";
import { replay, type ReplayStore } from "../../src/cli/trace/replay.ts";
import type { TraceRequest } from "../../src/cli/trace/request.ts";

const blockBytes = 64;
const pattern = new BlockPattern(blockBytes);
const keyOf = (id: number) => `k${id}`;

/** A store that forgets the least recently used block, and writes down what it is asked. */
class LruStore implements ReplayStore {
  readonly blocks = new Map<string, Buffer>();
  readonly log: string[] = [];
  readonly #capacity: number;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  match(keys: readonly string[]): Promise<number> {
    this.log.push(`match ${keys.join(" ")}`);
    const miss = keys.findIndex((key) => !this.blocks.has(key));
    return Promise.resolve(miss < 0 ? keys.length : miss);
  }

  get(key: string, memory: Uint8Array): Promise<number | undefined> {
    this.log.push(`get ${key}`);
    const value = this.blocks.get(key);
    if (value) this.#touch(key, value);
    value?.copy(memory);
    return Promise.resolve(value?.length);
  }

  put(key: string, parts: readonly Uint8Array[]): Promise<void> {
    this.log.push(`put ${key}`);
    this.#touch(key, Buffer.concat(parts));
    return Promise.resolve();
  }

  #touch(key: string, value: Buffer): void {
    this.blocks.delete(key);
    this.blocks.set(key, value);
    for (const oldest of this.blocks.keys())
      if (this.blocks.size > this.#capacity) this.blocks.delete(oldest);
      else break;
  }
}

function request(...hashIds: number[]): TraceRequest {
  const inputLength = hashIds.length * 512 - 100;
  return { timestamp: 0, inputLength, outputLength: 1, hashIds };
}

function run(store: ReplayStore, requests: TraceRequest[], lanes = 1) {
  return replay(requests, {
    lanes: Array.from({ length: lanes }, () => ({ store, memory: Buffer.alloc(blockBytes) })),
    pattern,
    blockTokens: 512,
    keyOf,
  });
}

/** The definition of the hit rate, straight from its three sentences. */
function referenceHits(requests: TraceRequest[], capacity: number): number {
  const cache = new Set<number>();
  let hits = 0;
  for (const { hashIds } of requests) {
    const miss = hashIds.findIndex((id) => !cache.has(id));
    hits += miss < 0 ? hashIds.length : miss;
    for (const id of hashIds.toReversed()) {
      cache.delete(id);
      cache.add(id);
      for (const oldest of cache)
        if (cache.size > capacity) cache.delete(oldest);
        else break;
    }
  }
  return hits;
}

/** Conversations over a shared first block, each turn longer than the one before. */
function conversations(count: number, turns: number): TraceRequest[] {
  const requests: TraceRequest[] = [];
  for (let turn = 1; turn <= turns; turn++)
    for (let who = 0; who < count; who++) {
      if ((who * 7 + turn * 3) % 5 === 0) continue;
      const own = Array.from({ length: turn * 2 }, (_, depth) => 1 + who * 1000 + depth);
      requests.push(request(0, ...own));
    }
  return requests;
}

test("puts are deepest first, then gets deepest first: block 0 is touched last", async () => {
  const store = new LruStore(100);
  await run(store, [request(0, 1), request(0, 1, 2, 3)]);
  expect(store.log.join(", ")).toBe(
    "match k0 k1, put k1, put k0, match k0 k1 k2 k3, put k3, put k2, get k1, get k0",
  );
});

test("only leading blocks are hits", async () => {
  const store = new LruStore(100);
  const result = await run(store, [request(0, 1, 2), request(9, 1, 2), request(0, 8, 2)]);
  expect(result).toMatchObject({ requests: 3, blocks: 9, hitBlocks: 1, gets: 1, puts: 8 });
});

test.each([3, 5, 10, 20, 40, 80, 1000])("an LRU of %d blocks hits as defined", async (capacity) => {
  const requests = conversations(8, 6);
  const result = await run(new LruStore(capacity), requests);
  expect(result.hitBlocks).toBe(referenceHits(requests, capacity));
  expect(result.blocks).toBe(requests.reduce((sum, { hashIds }) => sum + hashIds.length, 0));
  expect(result.corrupt).toBe(0);
});

test("many lanes move the same blocks", async () => {
  const requests = conversations(8, 6);
  const result = await run(new LruStore(1000), requests, 16);
  expect(result.hitBlocks).toBe(referenceHits(requests, 1000));
  expect(result.getLatency.count + result.putLatency.count).toBe(result.blocks);
});

test("the token hit rate counts a partial last block by its tokens", async () => {
  const { tokens, hitTokens } = await run(new LruStore(10), [request(0, 1), request(0, 1)]);
  expect([tokens, hitTokens]).toEqual([2 * 924, 924]);
});

test("a block that went between match and read is stored again and counted", async () => {
  const store = new LruStore(2);
  const result = await run(store, [request(0, 1), request(0, 1, 2, 3)]);
  expect(result).toMatchObject({ hitBlocks: 2, lost: 2, gets: 0, puts: 6, corrupt: 0 });
  expect([...store.blocks.keys()]).toEqual(["k1", "k0"]);
});

test("bytes that changed are found", async () => {
  const store = new LruStore(10);
  await run(store, [request(0, 1)]);
  const kept = store.blocks.get("k1");
  if (kept) kept[40] ^= 1;
  store.blocks.set("k0", Buffer.concat([...pattern.parts(0)]).subarray(0, 63));
  expect(await run(store, [request(0, 1)])).toMatchObject({ corrupt: 2, gets: 2 });
});

test("no request starts before the one before it has ended", async () => {
  const store = new LruStore(1000);
  await run(store, conversations(3, 3), 8);
  const seen = new Set<string>();
  for (const entry of store.log) {
    const [operation, ...keys] = entry.split(" ");
    if (operation === "put") seen.add(keys[0]);
    if (operation === "get") expect(seen).toContain(keys[0]);
  }
});

test("it stops between requests when told to", async () => {
  const abort = new AbortController();
  const store = new LruStore(10);
  const run = replay([request(0), request(1), request(2)], {
    lanes: [{ store, memory: Buffer.alloc(blockBytes) }],
    pattern,
    blockTokens: 512,
    keyOf,
    signal: abort.signal,
    progress: ({ requests }) => {
      if (requests === 2) abort.abort(new Error("enough"));
    },
  });
  await expect(run).rejects.toThrow("enough");
  expect(store.log).toHaveLength(4);
});

test("a store that fails fails the replay, once everything under way has ended", async () => {
  const store = new LruStore(10);
  store.put = () => Promise.reject(new Error("full"));
  await expect(run(store, [request(0, 1, 2)], 2)).rejects.toThrow("full");
});
