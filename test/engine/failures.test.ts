import { describe, expect, test } from "vitest";
import { ValkeyStore } from "../../src/backends/valkey/valkey-store.ts";
import { KeepwarmError } from "../../src/errors.ts";
import type { Block } from "../../src/store/block.ts";
import type {
  BlockStore,
  CallOptions,
  Key,
  PutEntry,
  PutOutcome,
} from "../../src/store/contract.ts";
import { TieredStore } from "../../src/store/tiered-store.ts";
import { eventually, openEngine, ramStore, tokensFrom, Values } from "./support.ts";

const prompt = tokensFrom(0, 11);

/** A store whose calls another decides about. */
function storeWith(inner: BlockStore, changes: Partial<BlockStore>): BlockStore {
  return new Proxy(inner, {
    get: (target, name) => {
      const value: unknown = Reflect.get(changes, name) ?? Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

function never<T>(): Promise<T> {
  return new Promise(() => {});
}

function blockOf(bytes: Uint8Array): Block {
  return { bytes, ttlMs: undefined, release: () => {}, [Symbol.dispose]: () => {} };
}

describe("a store that lies", () => {
  const lies: [string, (bytes: Uint8Array, others: readonly Uint8Array[]) => Uint8Array][] = [
    ["one bit", (bytes) => flipped(bytes, bytes.length - 1)],
    ["the checksum", (bytes) => flipped(bytes, 8)],
    ["the header", (bytes) => flipped(bytes, 16)],
    ["the end", (bytes) => bytes.subarray(0, -1)],
    ["all but a few bytes", (bytes) => bytes.subarray(0, 10)],
    ["everything", () => Buffer.alloc(0)],
    ["the block for another's", (_, [first]) => first],
  ];

  test.each(lies)("about %s is found out, and the block dropped", async (_, lie) => {
    const inner = ramStore();
    const values = new Values();
    await (await openEngine(inner)).store(prompt, values.source(prompt));
    const store = storeWith(inner, {
      get: async (keys: readonly Key[], options?: CallOptions) => {
        const blocks = await inner.get(keys, options);
        if (keys.length < 3) return blocks;
        const copies: Uint8Array[] = blocks.map((block) => Uint8Array.from(block!.bytes));
        for (const block of blocks) block?.release();
        copies[1] = lie(copies[1], copies);
        return copies.map(blockOf);
      },
    });
    const engine = await openEngine(store);
    using found = await engine.retrieve(prompt);
    expect(found).toMatchObject({ status: "PARTIAL", prefixTokens: 4, reason: "damaged" });
    expect(found.chunks).toHaveLength(1);
    expect(engine.stats()).toMatchObject({ damagedChunks: 1, misses: { damaged: 1 } });
    expect(await engine.lookup(prompt)).toMatchObject({ prefixTokens: 4, reason: "absent" });
    await engine.store(prompt, values.source(prompt));
    expect(await engine.lookup(prompt)).toMatchObject({ status: "HIT" });
  });

  test("about several blocks is found out at once, so that one storing mends them all", async () => {
    const store = ramStore();
    const values = new Values();
    const engine = await openEngine(store);
    await engine.store(prompt, values.source(prompt));
    for await (const { key } of store.scan()) {
      const [block] = await store.get([key]);
      const bytes = flipped(Uint8Array.from(block!.bytes), block!.bytes.length - 1);
      block!.release();
      await store.put([{ key, value: bytes }]);
    }
    using damaged = await engine.retrieve(prompt);
    expect(damaged).toMatchObject({ status: "MISS", reason: "damaged" });
    await engine.store(prompt, values.source(prompt));
    using mended = await engine.retrieve(prompt);
    expect(mended).toMatchObject({ status: "HIT", prefixTokens: prompt.length });
  });

  test("about what it has gives fewer chunks", async () => {
    const inner = ramStore();
    const store = storeWith(inner, { match: async (keys: readonly Key[]) => keys.length });
    const engine = await openEngine(store);
    using found = await engine.retrieve(prompt);
    expect(found).toMatchObject({ status: "MISS", reason: "absent", chunks: [] });
  });
});

describe("a store that is dead", () => {
  test("is a quick miss that says so", async () => {
    const store = new ValkeyStore({ url: "redis://127.0.0.1:1", connectDeadlineMs: 200 });
    const engine = await openEngine(store);
    expect(await engine.lookup(prompt)).toMatchObject({ status: "MISS", reason: "store-failed" });
    using found = await engine.retrieve(prompt);
    expect(found).toMatchObject({ status: "MISS", reason: "store-failed" });
    expect(await engine.store(prompt, new Values().source(prompt))).toMatchObject({
      status: "FAILED",
      reason: "failed",
    });
    await store.close();
  });

  test("behind memory does not keep that from working", async () => {
    const dead = new ValkeyStore({ url: "redis://127.0.0.1:1", connectDeadlineMs: 200 });
    const engine = await openEngine(new TieredStore([ramStore(), dead]));
    const values = new Values();
    expect(await engine.store(prompt, values.source(prompt))).toMatchObject({ status: "STORED" });
    expect(await engine.lookup(prompt)).toMatchObject({ status: "HIT" });
    await dead.close();
  });

  test("whose failures reject is a miss all the same", async () => {
    const engine = await openEngine(storeWith(ramStore(), { match: fail, has: fail }));
    expect(await engine.lookup(prompt)).toMatchObject({ status: "MISS", reason: "store-failed" });
    expect(await engine.store(prompt, [])).toMatchObject({ status: "FAILED", reason: "failed" });
  });
});

describe("a store that does not answer", () => {
  test("costs the deadline", async () => {
    const store = storeWith(ramStore(), { match: never, has: never });
    const engine = await openEngine(store, { deadlineMs: 20 });
    expect(await engine.lookup(prompt)).toMatchObject({ status: "MISS", reason: "timeout" });
    const other = await openEngine(store, { storeDeadlineMs: 20 });
    const result = await other.store(prompt, new Values().source(prompt));
    expect(result).toMatchObject({ status: "FAILED", reason: "timeout" });
    expect(result.outcomes).toHaveLength(3);
  });

  test("costs it once, and is asked again when it answers a probe", async () => {
    const inner = ramStore();
    const values = new Values();
    await (await openEngine(inner)).store(prompt, values.source(prompt));
    let hangs = true;
    let calls = 0;
    const answer = <T>(work: () => Promise<T>): Promise<T> => {
      calls++;
      return hangs ? never() : work();
    };
    const store = storeWith(inner, {
      match: (keys: readonly Key[]) => answer(() => inner.match(keys)),
      has: (keys: readonly Key[]) => answer(() => inner.has(keys)),
    });
    const engine = await openEngine(store, { deadlineMs: 400 });
    expect(await engine.lookup(prompt)).toMatchObject({ reason: "timeout" });
    expect(calls).toBe(1);
    expect(await engine.lookup(prompt)).toMatchObject({ reason: "store-failed" });
    expect(await engine.store(prompt, [])).toMatchObject({ status: "FAILED", reason: "failed" });
    using found = await engine.retrieve(prompt);
    expect(found).toMatchObject({ status: "MISS", reason: "store-failed" });
    expect(calls).toBe(1);
    await eventually(async () => {
      await engine.lookup(prompt);
      return calls;
    }).toBeGreaterThan(2);
    hangs = false;
    await eventually(() => engine.lookup(prompt)).toMatchObject({ status: "HIT" });
  });

  test("for values gives those that came, and takes back late ones", async () => {
    const inner = ramStore();
    const tokens = tokensFrom(0, 70 * 4);
    const values = new Values(10);
    await (await openEngine(inner)).store(tokens, values.source(tokens));
    let open!: () => void;
    const late = new Promise<void>((resolve) => (open = resolve));
    let released = 0;
    let calls = 0;
    const store = storeWith(inner, {
      get: async (keys: readonly Key[], options?: CallOptions) => {
        if (++calls === 1) return inner.get(keys, options);
        await late;
        return keys.map(() => ({ ...blockOf(Buffer.alloc(0)), release: () => void released++ }));
      },
    });
    const engine = await openEngine(store, { deadlineMs: 1000 });
    using found = await engine.retrieve(tokens);
    expect(found).toMatchObject({ status: "PARTIAL", prefixTokens: 256, reason: "timeout" });
    expect(values.of(tokens, { start: 252, end: 256 }).equals(found.chunks[63].bytes)).toBe(true);
    open();
    await eventually(() => released).toBe(6);
  });
});

describe("a caller who gives up", () => {
  const calls: [
    string,
    (engine: Awaited<ReturnType<typeof openEngine>>, signal: AbortSignal) => Promise<unknown>,
  ][] = [
    ["lookup", (engine, signal) => engine.lookup(prompt, { signal })],
    ["retrieve", (engine, signal) => engine.retrieve(prompt, { signal })],
    ["store", (engine, signal) => engine.store(prompt, new Values().source(prompt), { signal })],
    ["drop", (engine, signal) => engine.drop(prompt, { signal })],
    ["pin", (engine, signal) => engine.pin(prompt, { signal })],
    ["prefetch", (engine, signal) => engine.prefetch(prompt, { signal })],
  ];

  test.each(calls)("hears so from %s, under way, waiting, or before", async (_, call) => {
    const store = storeWith(ramStore(), { match: never, has: never, get: never });
    const engine = await openEngine(store, { concurrency: 1 });
    const reason = new Error("no longer wanted");
    const controllers = [new AbortController(), new AbortController()];
    const outcomes = controllers.map(({ signal }) => call(engine, signal));
    for (const controller of controllers.toReversed()) controller.abort(reason);
    for (const outcome of outcomes) await expect(outcome).rejects.toBe(reason);
    await expect(call(engine, AbortSignal.abort(reason))).rejects.toBe(reason);
    await eventually(() => engine.stats()).toMatchObject({
      activeCalls: 0,
      waitingCalls: 0,
      queuedBytes: 0,
    });
  });
});

describe("more work than allowed", () => {
  test("waits in order, and beyond the queue is turned down", async () => {
    const gates: (() => void)[] = [];
    const inner = ramStore();
    const store = storeWith(inner, {
      match: async () => {
        await new Promise<void>((resolve) => gates.push(resolve));
        return 0;
      },
    });
    const engine = await openEngine(store, { concurrency: 2, queueCalls: 1 });
    const lookups = Array.from({ length: 4 }, () => engine.lookup(prompt, { tail: false }));
    expect(await lookups[3]).toMatchObject({ status: "MISS", reason: "busy" });
    await eventually(() => gates.length).toBe(2);
    expect(engine.stats()).toMatchObject({ activeCalls: 2, waitingCalls: 1 });
    gates[0]();
    await eventually(() => gates.length).toBe(3);
    for (const open of gates) open();
    await Promise.all(lookups);
    expect(engine.stats()).toMatchObject({ activeCalls: 0, waitingCalls: 0, misses: { busy: 1 } });
  });

  test("of bytes to store waits, or is skipped where the caller says so", async () => {
    const inner = ramStore();
    const puts: (() => void)[] = [];
    const store = storeWith(inner, {
      put: async (entries: readonly PutEntry[], options?: CallOptions): Promise<PutOutcome[]> => {
        await new Promise<void>((resolve) => puts.push(resolve));
        return inner.put(entries, options);
      },
    });
    const engine = await openEngine(store, { queueBytes: 5000 });
    const values = new Values();
    const prompts = [tokensFrom(0, 4), tokensFrom(50, 4), tokensFrom(90, 4)];
    const first = engine.store(prompts[0], values.source(prompts[0]));
    await eventually(() => puts.length).toBe(1);
    const second = engine.store(prompts[1], values.source(prompts[1]));
    const third = await engine.store(prompts[2], values.source(prompts[2]), { whenBusy: "skip" });
    expect(third).toMatchObject({ status: "SKIPPED", reason: "busy" });
    await eventually(() => engine.stats().waitingCalls).toBe(1);
    expect(engine.stats().queuedBytes).toBe(4000);
    puts[0]();
    expect(await first).toMatchObject({ status: "STORED" });
    await eventually(() => puts.length).toBe(2);
    puts[1]();
    expect(await second).toMatchObject({ status: "STORED" });
    expect(engine.stats()).toMatchObject({ queuedBytes: 0, activeCalls: 0 });
  });
});

test("memory that the caller cannot give leaves no block held", async () => {
  const inner = ramStore();
  await (await openEngine(inner)).store(prompt, new Values().source(prompt));
  let held = 0;
  const store = storeWith(inner, {
    get: async (keys: readonly Key[], options?: CallOptions) =>
      (await inner.get(keys, options)).map((block) => {
        if (block === undefined) return undefined;
        held++;
        let isHeld = true;
        const release = (): void => {
          if (isHeld) held--;
          isHeld = false;
          block.release();
        };
        return { ...blockOf(block.bytes), release };
      }),
  });
  const engine = await openEngine(store);
  await expect(engine.retrieve(prompt, { into: failToMake })).rejects.toThrow("no state");
  expect(held).toBe(0);
  const found = await engine.retrieve(prompt);
  expect(held).toBe(3);
  found.release();
  found.release();
  expect(held).toBe(0);
});

describe("values that cannot be stored", () => {
  test("say why", async () => {
    const engine = await openEngine(ramStore(4 * 1024 ** 2));
    const big = Buffer.alloc(5 * 1024 ** 2);
    const result = await engine.store(prompt, [Buffer.alloc(10), big]);
    expect(result.outcomes).toEqual([
      { start: 0, end: 4, status: "STORED", bytes: 10 },
      { start: 4, end: 8, status: "FAILED", reason: "too-large" },
      { start: 8, end: 11, status: "SKIPPED", reason: "no-value" },
    ]);
    expect(result).toMatchObject({ status: "STORED", reason: "too-large", storedTokens: 4 });
  });

  test("of a source that fails reach the caller", async () => {
    const engine = await openEngine(ramStore());
    await expect(engine.store(prompt, failToMake)).rejects.toThrow("no state");
    expect(engine.stats()).toMatchObject({ queuedBytes: 0, activeCalls: 0 });
  });
});

async function fail(): Promise<never> {
  throw new KeepwarmError("CONNECTION_FAILED", "gone");
}

function failToMake(): never {
  throw new Error("no state");
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at] ^= 1;
  return copy;
}
