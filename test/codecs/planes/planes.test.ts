import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  bestCompressor,
  decompress,
  deflateCompressor,
  methods,
} from "../../../src/codecs/planes/compression.ts";
import { putPlane, takePlane } from "../../../src/codecs/planes/byte-planes.ts";
import { planesCodec, planesCodecWith } from "../../../src/codecs/planes/planes-codec.ts";
import { findZstd, zstdOfNode, zstdOfWasm } from "../../../src/codecs/planes/zstd.ts";
import { isKeepwarmError } from "../../../src/errors.ts";
import { kvLike } from "../../support/tensors.ts";

test("planes are every so manieth byte", () => {
  const bytes = Uint8Array.of(9, 1, 2, 3, 4, 5, 6);
  const plane = new Uint8Array(3);
  takePlane(bytes, 1, 2, 1, plane);
  expect([...plane]).toEqual([2, 4, 6]);
  const into = new Uint8Array(7);
  putPlane(plane, into, 1, 2, 1);
  expect([...into]).toEqual([0, 0, 2, 0, 4, 0, 6]);
});

const tensor = { dtype: "bfloat16", format: "KV_2LTD", shape: [2, 4, 256, 64] } as const;

test("the upper bytes shrink, the lower stay as they are", async () => {
  const bytes = kvLike(tensor);
  const [head, lower, upper] = await planesCodec.encode(bytes, tensor);
  expect(lower.length).toBe(bytes.length / 2);
  expect(upper.length).toBeLessThan(bytes.length / 4);
  expect([...head.subarray(-2)]).toEqual([methods.raw, (await bestCompressor()).method]);
});

test("zstd is here on every Node that is supported", async () => {
  expect((await findZstd())?.origin).toBe(zstdOfNode() === undefined ? "wasm" : "node");
  expect((await bestCompressor()).method).toBe(methods.zstd);
});

test("a block that was compressed with deflate can be read where zstd is", async () => {
  const bytes = kvLike(tensor);
  const parts = await planesCodecWith(async () => deflateCompressor).encode(bytes, tensor);
  expect(parts[0].at(-1)).toBe(methods.deflate);
  const into = new Uint8Array(bytes.length);
  await planesCodec.decode(Buffer.concat(parts), tensor, into);
  expect(into).toEqual(bytes);
});

describe("zstd of node:zlib and of wasm read each other's frames", () => {
  test("of known and unknown length", async () => {
    const wasm = await zstdOfWasm();
    const all = [zstdOfNode() ?? wasm, wasm];
    for (const length of [1, 200, 300, 65_535, 70_000, 1024 ** 2])
      for (const bytes of [randomBytes(length), Buffer.alloc(length, "ab")])
        for (const from of all)
          for (const to of all) {
            const frame = await from!.compress(bytes);
            expect(bytes.equals(await to!.decompress(frame, length))).toBe(true);
          }
  });

  test("nothing is allocated for a frame that lies about its length", async () => {
    const wasm = (await zstdOfWasm())!;
    const frame = await wasm.compress(Buffer.alloc(100_000));
    const lie = Buffer.from(frame);
    expect(lie.readUInt32LE(5)).toBe(100_000);
    lie.writeUInt32LE(0xf0000000, 5);
    await expect(wasm.decompress(lie, 100_000)).rejects.toThrow(/another length/);
  });
});

test("a piece that is damaged, too long or of an unknown way is an error of ours", async () => {
  const packed = await deflateCompressor.compress(Buffer.alloc(1000, "x"));
  for (const [method, piece, length] of [
    [methods.deflate, packed, 999],
    [methods.deflate, packed, 1001],
    [methods.deflate, packed.subarray(3), 1000],
    [methods.zstd, packed, 1000],
    [methods.raw, packed, 1000],
    [9, packed, 1000],
  ] as const) {
    const failure = await decompress(method, piece, length).catch((error: unknown) => error);
    expect(isKeepwarmError(failure, "INPUT_INVALID")).toBe(true);
  }
});
