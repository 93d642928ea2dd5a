import { describe, expect, it, test } from "vitest";
import { CONTAINER_HEADER_BYTES, isContainer } from "../../../src/codecs/container.ts";
import { type BlockLayout, tensorOf } from "../../../src/codecs/tensor.ts";
import type { BlockStore } from "../../../src/store/contract.ts";
import type { CodecChoice } from "../../../src/store/wrappers/block-coding.ts";
import { CodecStore } from "../../../src/store/wrappers/codec-store.ts";
import { describeBlockStore } from "../../../src/testing/contract-suite.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { RamStore } from "../../../src/tiers/ram-store.ts";
import { unpacked, kvLike } from "../../support/tensors.ts";

const MIB = 1024 ** 2;
const layout = {
  dtype: "bfloat16",
  format: "KV_2LTD",
  layers: 4,
  channels: 64,
} as const satisfies BlockLayout;
const bytesPerToken = 2 * 4 * 64 * 2;

for (const [choice, minBytes] of [
  [undefined, 4096],
  [{ codec: "zstd-planes" }, 0],
  [{ codec: "zstd-planes" }, 4096],
] as const)
  describeBlockStore(
    `a codec store, ${choice?.codec ?? "nothing"} from ${minBytes} bytes on`,
    { describe, it },
    async () => {
      const clock = new FakeClock();
      const inner = new RamStore({ capacityBytes: 16 * MIB, clock });
      const store = new CodecStore(inner, { choose: () => choice, minBytes });
      return { store, advance: (ms) => clock.advance(ms) };
    },
  );

function stores(choose: (key: string) => CodecChoice | undefined) {
  const inner = new RamStore({ capacityBytes: 16 * MIB });
  const store = new CodecStore(inner, { choose: (key) => choose(Buffer.from(key).toString()) });
  return { inner, store };
}

function block(tokens: number): Uint8Array {
  const bytes = tokens * bytesPerToken;
  return kvLike({ ...tensorOf(layout, bytes)!, dtype: "bfloat16" });
}

async function read(store: BlockStore, key: string): Promise<Buffer | undefined> {
  const [block] = await store.get([key]);
  const copy = block && Buffer.from(block.bytes);
  block?.release();
  return copy;
}

test("each namespace has its own codec, and other blocks are left alone", async () => {
  const { inner, store } = stores((key) => {
    if (key.startsWith("exact@")) return { codec: "zstd-planes", layout };
    if (key.startsWith("lossy@")) return { codec: "cachegen", layout };
    return undefined;
  });
  const value = block(256);
  await store.put([
    { key: "exact@1", value },
    { key: "lossy@1", value: [value.subarray(0, 1000), value.subarray(1000)] },
    { key: "other@1", value },
  ]);
  const [exact, lossy, other] = await Promise.all(
    ["exact@1", "lossy@1", "other@1"].map((key) => read(inner, key)),
  );
  expect(exact!.length).toBeLessThan(value.length / 1.3);
  expect(lossy!.length).toBeLessThan(value.length / 4);
  expect(other!.equals(value)).toBe(true);
  expect((await read(store, "exact@1"))!.equals(value)).toBe(true);
  expect((await read(store, "other@1"))!.equals(value)).toBe(true);
  const decoded = await read(store, "lossy@1");
  expect(decoded).toHaveLength(value.length);
  const off = unpacked("bfloat16", decoded!).filter(
    (is, index) => Math.abs(is - unpackedValue[index]) > 2,
  );
  expect(off).toEqual([]);
  expect(store.stats()).toMatchObject({
    name: "codec",
    encoded: 2,
    originalBytes: 2 * value.length,
    encodedBytes: exact!.length + lossy!.length,
    decoded: 2,
    hits: 3,
    hitBytes: 3 * value.length,
    leftAsIs: 0,
    undecodable: 0,
  });
});

const unpackedValue = unpacked("bfloat16", block(256));

test("a block that is there and shall stay is not encoded again", async () => {
  const { store } = stores(() => ({ codec: "cachegen", layout }));
  const entry = { key: "k", value: block(100), ifAbsent: true };
  expect(await store.put([entry])).toEqual([{ status: "stored" }]);
  const outcomes = await store.put([entry, { ...entry, key: "other" }]);
  expect(outcomes).toEqual([{ status: "exists" }, { status: "stored" }]);
  expect(store.stats()).toMatchObject({ encoded: 2, leftAsIs: 0 });
});

test("a key can be read as text when it is chosen for, however it was given", async () => {
  const seen: string[] = [];
  const inner = new RamStore({ capacityBytes: 16 * MIB });
  const store = new CodecStore(inner, { choose: (key) => void seen.push(String(key)) });
  const value = Buffer.from("v");
  await store.put([
    { key: "schlüssel", value },
    { key: new TextEncoder().encode("schlüssel"), value },
  ]);
  expect(seen).toEqual(["schlüssel", "schlüssel"]);
});

test("a choice that is withdrawn or changed leaves older blocks readable", async () => {
  let choice: CodecChoice | undefined = { codec: "zstd-planes", layout };
  const { store } = stores(() => choice);
  const value = block(100);
  await store.put([{ key: "k", value }]);
  choice = undefined;
  expect((await read(store, "k"))!.equals(value)).toBe(true);
});

test("what cannot be encoded as chosen is kept as it is, and counted", async () => {
  const { inner, store } = stores(() => ({ codec: "fp8", layout }));
  const value = block(10);
  const infinite = Uint8Array.from(value);
  infinite.set([0x80, 0x7f]);
  const values = [value.subarray(0, 5000), infinite, Buffer.alloc(28, 1)];
  await store.put(values.map((value, index) => ({ key: `k${index}`, value })));
  for (const [index, value] of values.entries()) {
    expect((await read(inner, `k${index}`))!.equals(value)).toBe(true);
    expect((await read(store, `k${index}`))!.equals(value)).toBe(true);
  }
  expect(store.stats()).toMatchObject({ encoded: 0, leftAsIs: 3, decoded: 0 });
});

test("containers of others are opaque: LMCache's pickled CacheGen values come back unread", async () => {
  const { inner, store } = stores(() => undefined);
  const pickle = Buffer.concat([
    Buffer.from("80059565000000000000008c", "hex"),
    Buffer.alloc(5000, 7),
  ]);
  await inner.put([{ key: "theirs", value: pickle }]);
  expect((await read(store, "theirs"))!.equals(pickle)).toBe(true);
  expect(store.stats()).toMatchObject({ decoded: 0, undecodable: 0, hits: 1 });
});

test("a container that is put comes back as it is, not decoded", async () => {
  const plain = stores(() => ({ codec: "zstd-planes", layout }));
  await plain.store.put([{ key: "k", value: block(100) }]);
  const container = (await read(plain.inner, "k"))!;
  expect(isContainer(container)).toBe(true);
  for (const choice of [undefined, { codec: "zstd-planes" }, { codec: "naive" }] as const) {
    const { store } = stores(() => choice);
    const cutOff = container.subarray(0, CONTAINER_HEADER_BYTES - 1);
    await store.put([
      { key: "k", value: container },
      { key: "short", value: cutOff },
    ]);
    expect((await read(store, "k"))!.equals(container)).toBe(true);
    expect((await read(store, "short"))!.equals(cutOff)).toBe(true);
  }
});

test("a damaged block is a counted miss, and so is one of a codec that is not here", async () => {
  const { inner, store } = stores(() => ({ codec: "cachegen", layout }));
  await store.put([{ key: "k", value: block(100) }]);
  const container = (await read(inner, "k"))!;
  const damaged = Buffer.from(container);
  damaged[damaged.length - 1] ^= 1;
  const newer = Buffer.from(container);
  newer[8] = 9;
  const values = { damaged, newer, short: container.subarray(0, 20), whole: container };
  await inner.put(Object.entries(values).map(([key, value]) => ({ key, value })));
  const blocks = await store.get(Object.keys(values));
  expect(blocks.map((block) => block?.bytes.length)).toEqual([
    undefined,
    undefined,
    undefined,
    100 * bytesPerToken,
  ]);
  expect(store.stats()).toMatchObject({ undecodable: 3, decoded: 1, misses: 3, hits: 1 });
});

const choose = () => ({ codec: "zstd-planes" }) as const;

test("a block that claims to be larger than allowed is a miss, and no memory is made for it", async () => {
  const inner = new RamStore({ capacityBytes: 16 * MIB });
  const writer = new CodecStore(inner, { choose });
  await writer.put([{ key: "k", value: Buffer.alloc(4 * MIB) }]);
  expect((await read(inner, "k"))!.length).toBeLessThan(5000);
  const reader = new CodecStore(inner, { choose, maxDecodedBytes: 4 * MIB - 1 });
  expect(await read(reader, "k")).toBeUndefined();
  expect(reader.stats()).toMatchObject({ undecodable: 1, misses: 1 });
  expect(await read(writer, "k")).toHaveLength(4 * MIB);
});

test("blocks that were read give their memory back to the store below", async () => {
  const { inner, store } = stores(() => ({ codec: "zstd-planes", layout }));
  await store.put([{ key: "k", value: block(100) }]);
  const before = inner.stats().usedBytes;
  const [held] = await store.get(["k"]);
  await inner.delete(["k"]);
  expect(inner.stats().usedBytes).toBeLessThan(before);
  expect(Buffer.from(block(100)).equals(held!.bytes)).toBe(true);
  held!.release();
});

test("a signal that is aborted while decoding lets go of all blocks", async () => {
  const { inner, store } = stores(() => ({ codec: "cachegen", layout }));
  const keys = ["a", "b", "c"];
  await store.put(keys.map((key) => ({ key, value: block(4000) })));
  const before = inner.stats().usedBytes;
  const controller = new AbortController();
  const reading = store.get(keys, { signal: controller.signal });
  setImmediate(() => controller.abort(new Error("enough")));
  await expect(reading).rejects.toThrow("enough");
  await inner.delete(keys);
  expect(inner.stats().usedBytes).toBeLessThan(before / 10);
});
