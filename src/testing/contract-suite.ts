import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { BlockStore, EntryInfo, ScanOptions } from "../store/contract.ts";

/** The two functions of a test runner that the suite needs: vitest's, node:test's, mocha's. */
export interface TestRunner {
  readonly describe: (name: string, body: () => void) => void;
  readonly it: (name: string, body: () => Promise<void>) => void;
}

/** A store to be tried, made anew for each test. */
export interface StoreUnderTest {
  readonly store: BlockStore;
  /** Lets this much time pass for the store, in ms. Without it, expiry is not tried. */
  readonly advance?: (ms: number) => void | Promise<void>;
  /** Called after the test, when the store is closed. */
  readonly cleanUp?: () => Promise<void>;
}

/**
 * What every BlockStore promises, as tests: tiers, backends, wrappers and chains of them all run it.
 * What a store's `capabilities` leave out is not asked of it.
 *
 * @example
 * ```ts
 * import { describe, it } from "vitest";
 * import { describeBlockStore } from "keepwarm/testing";
 *
 * describeBlockStore("my store", { describe, it }, async () => ({ store: await MyStore.open() }));
 * ```
 */
export function describeBlockStore(
  name: string,
  { describe, it }: TestRunner,
  create: () => Promise<StoreUnderTest>,
): void {
  const test = (title: string, body: (under: StoreUnderTest) => Promise<void>): void =>
    it(title, async () => {
      const under = await create();
      try {
        await body(under);
      } finally {
        await under.store.close();
        await under.cleanUp?.();
      }
    });

  describe(`${name} keeps the contract of a BlockStore`, () => {
    for (const length of [0, 1, 100, 4095, 4096, 65_536, 1_048_576 + 3])
      test(`gives back a block of ${length} bytes as it was put`, async ({ store }) => {
        const value = randomBytes(length);
        assert.deepEqual(await store.put([{ key: "k", value }]), [{ status: "stored" }]);
        assert.deepEqual(await read(store, "k"), value);
      });

    test("joins a value that comes in parts", async ({ store }) => {
      const parts = [randomBytes(10), randomBytes(0), randomBytes(70_000)];
      await store.put([{ key: "k", value: parts }]);
      assert.deepEqual(await read(store, "k"), Buffer.concat(parts));
    });

    test("takes any bytes as a key, up to 1 KiB", async ({ store }) => {
      const keys = [Buffer.from([0]), Buffer.from([255, 0, 13, 10]), randomBytes(1024)];
      await store.put(keys.map((key, index) => ({ key, value: Buffer.from([index]) })));
      for (const [index, key] of keys.entries())
        assert.deepEqual(await read(store, key), Buffer.from([index]));
    });

    test("takes a string for its UTF-8 bytes", async ({ store }) => {
      await store.put([{ key: "schlüssel", value: Buffer.from("v") }]);
      assert.deepEqual(await read(store, Buffer.from("schlüssel")), Buffer.from("v"));
    });

    test("refuses empty and overlong keys as a programmer's mistake", async ({ store }) => {
      const value = Buffer.from("v");
      await assert.rejects(store.put([{ key: "", value }]), TypeError);
      await assert.rejects(store.get([randomBytes(1025)]), TypeError);
    });

    test("answers at the index of each key, present or not", async ({ store }) => {
      await putAll(store, ["a", "c"]);
      const blocks = await store.get(["a", "b", "c", "a"]);
      const texts = blocks.map((block) => block && Buffer.from(block.bytes).toString());
      for (const block of blocks) block?.release();
      assert.deepEqual(texts, ["value of a", undefined, "value of c", "value of a"]);
    });

    test("lets the last of two puts win, also within one batch", async ({ store }) => {
      await store.put([{ key: "k", value: Buffer.from("one") }]);
      await store.put([
        { key: "k", value: Buffer.from("two") },
        { key: "k", value: Buffer.from("three") },
      ]);
      assert.deepEqual(await read(store, "k"), Buffer.from("three"));
    });

    test("leaves what is there alone when asked to", async ({ store }) => {
      const first = await store.put([{ key: "k", value: Buffer.from("one"), ifAbsent: true }]);
      const second = await store.put([{ key: "k", value: Buffer.from("two"), ifAbsent: true }]);
      assert.deepEqual([...first, ...second], [{ status: "stored" }, { status: "exists" }]);
      assert.deepEqual(await read(store, "k"), Buffer.from("one"));
    });

    test("does not keep the caller's memory", async ({ store }) => {
      const value = Buffer.from("before");
      await store.put([{ key: "k", value }]);
      value.fill(0);
      assert.deepEqual(await read(store, "k"), Buffer.from("before"));
    });

    test("keeps a held block whole while its key is replaced and deleted", async ({ store }) => {
      const value = randomBytes(100_000);
      await store.put([{ key: "k", value }]);
      const [block] = await store.get(["k"]);
      assert.ok(block);
      for (let round = 0; round < 20; round++)
        await store.put([{ key: "k", value: randomBytes(100_000) }]);
      await store.delete(["k"]);
      await store.put([{ key: "other", value: randomBytes(100_000) }]);
      assert.ok(value.equals(block.bytes));
      block.release();
      block.release();
    });

    test("counts the leading keys that are present", async ({ store }) => {
      await putAll(store, ["c0", "c1", "c3"]);
      assert.equal(await store.match(["c0", "c1", "c2", "c3"]), 2);
      assert.equal(await store.match(["c2", "c3"]), 0);
      assert.equal(await store.match(["c0"]), 1);
      assert.equal(await store.match([]), 0);
    });

    test("tells which keys are present", async ({ store }) => {
      await putAll(store, ["a"]);
      assert.deepEqual(await store.has(["a", "b", "a"]), [true, false, true]);
    });

    test("deletes, and counts each present key once", async ({ store }) => {
      await putAll(store, ["a", "b", "c"]);
      assert.equal(await store.delete(["a", "x", "a", "b"]), 2);
      assert.deepEqual(await store.has(["a", "b", "c"]), [false, false, true]);
    });

    test("keeps keyspaces apart", async ({ store }) => {
      await store.put([{ key: "k", value: Buffer.from("zero") }]);
      await store.put([{ key: "k", value: Buffer.from("one") }], { keyspace: 1 });
      assert.deepEqual(await read(store, "k"), Buffer.from("zero"));
      assert.equal(await store.delete(["k"], { keyspace: 1 }), 1);
      assert.deepEqual(await store.has(["k"]), [true]);
    });

    test("forgets a block when its time is over", async ({ store, advance }) => {
      if (!store.capabilities.ttl || advance === undefined) return;
      await store.put([
        { key: "short", value: Buffer.from("v"), ttlMs: 1000 },
        { key: "long", value: Buffer.from("v"), ttlMs: 60_000 },
        { key: "ever", value: Buffer.from("v") },
      ]);
      assert.deepEqual(await store.has(["short", "long", "ever"]), [true, true, true]);
      await advance(1500);
      assert.deepEqual(await store.has(["short", "long", "ever"]), [false, true, true]);
      assert.equal(await store.match(["ever", "short", "long"]), 1);
      await store.put([{ key: "short", value: Buffer.from("again") }]);
      await advance(120_000);
      assert.deepEqual(await store.has(["short", "long", "ever"]), [true, false, true]);
    });

    test("lists what is stored, each key once", async ({ store }) => {
      if (!store.capabilities.scan) return;
      const keys = Array.from({ length: 300 }, (_, index) => `key-${index}`);
      await putAll(store, keys);
      await store.put([{ key: "elsewhere", value: Buffer.from("v") }], { keyspace: 2 });
      const found = await list(store);
      assert.deepEqual(found.map(({ key }) => String(key)).toSorted(), keys.toSorted());
      const first = found.find(({ key }) => String(key) === "key-0");
      assert.equal(first?.bytes, "value of key-0".length);
      assert.equal(first?.ttlMs, undefined);
      const some = await list(store, { prefix: "key-29" });
      assert.equal(some.length, 11);
    });

    test("lists every key that was there throughout, whatever comes and goes", async ({
      store,
    }) => {
      if (!store.capabilities.scan) return;
      const stay = Array.from({ length: 200 }, (_, index) => `stay-${index}`);
      const leave = Array.from({ length: 200 }, (_, index) => `leave-${index}`);
      await putAll(store, [...stay, ...leave]);
      const found = new Set<string>();
      let round = 0;
      for await (const { key } of store.scan()) {
        found.add(String(key));
        await store.delete([`leave-${round}`]);
        await putAll(store, [`come-${round}`, `stay-${round % 200}`]);
        if (++round > 5000) break;
      }
      for (const key of stay) assert.ok(found.has(key), `${key} is missing`);
    });

    test("rejects a block that is too large, and keeps the others", async ({ store }) => {
      const { maxBlockBytes } = store.capabilities;
      if (maxBlockBytes > 64 * 1024 ** 2) return;
      const outcomes = await store.put([
        { key: "small", value: Buffer.from("v") },
        { key: "large", value: Buffer.alloc(maxBlockBytes + 1) },
      ]);
      assert.deepEqual(outcomes, [
        { status: "stored" },
        { status: "rejected", reason: "too-large" },
      ]);
      assert.deepEqual(await store.has(["small", "large"]), [true, false]);
    });

    test("stops for an aborted signal, with its reason", async ({ store }) => {
      const signal = AbortSignal.abort(new Error("enough"));
      const enough = { message: "enough" };
      await assert.rejects(store.get(["k"], { signal }), enough);
      await assert.rejects(store.put([{ key: "k", value: Buffer.alloc(1) }], { signal }), enough);
      await assert.rejects(store.match(["k"], { signal }), enough);
      await assert.rejects(store.has(["k"], { signal }), enough);
      await assert.rejects(store.delete(["k"], { signal }), enough);
    });

    test("shows readers one value or the other while several write", async ({ store }) => {
      const values = Array.from({ length: 8 }, (_, index) => Buffer.alloc(50_000, index + 1));
      await store.put([{ key: "k", value: values[0] }]);
      const work = values.map(async (value) => {
        for (let round = 0; round < 10; round++) {
          await store.put([{ key: "k", value }]);
          const seen = await read(store, "k");
          assert.ok(seen && values.some((each) => each.equals(seen)));
        }
      });
      await Promise.all(work);
    });

    test("counts what happens", async ({ store }) => {
      const before = store.stats();
      await putAll(store, ["a", "b"]);
      await read(store, "a");
      await read(store, "x");
      const after = store.stats();
      assert.equal(after.stored - before.stored, 2);
      assert.equal(after.hits - before.hits, 1);
      assert.equal(after.misses - before.misses, 1);
      assert.equal(after.hitBytes - before.hitBytes, "value of a".length);
      assert.ok(after.usedBytes <= after.capacityBytes);
    });

    test("misses and rejects once it is closed", async ({ store }) => {
      await putAll(store, ["a"]);
      await store.close();
      await store.close();
      assert.deepEqual(await store.get(["a"]), [undefined]);
      assert.equal(await store.match(["a"]), 0);
      assert.deepEqual(await store.has(["a"]), [false]);
      assert.equal(await store.delete(["a"]), 0);
      assert.deepEqual(await store.put([{ key: "a", value: Buffer.alloc(1) }]), [
        { status: "rejected", reason: "closed" },
      ]);
    });
  });
}

async function putAll(store: BlockStore, keys: readonly string[]): Promise<void> {
  await store.put(keys.map((key) => ({ key, value: Buffer.from(`value of ${key}`) })));
}

async function read(store: BlockStore, key: string | Uint8Array): Promise<Buffer | undefined> {
  const [block] = await store.get([key]);
  if (block === undefined) return undefined;
  const copy = Buffer.from(block.bytes);
  block.release();
  return copy;
}

async function list(store: BlockStore, options?: ScanOptions): Promise<EntryInfo[]> {
  const found: EntryInfo[] = [];
  for await (const entry of store.scan(options)) found.push(entry);
  return found;
}
