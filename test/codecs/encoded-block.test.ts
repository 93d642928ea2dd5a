import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  type CodecName,
  type EncodeOptions,
  codecIds,
  codecNames,
} from "../../src/codecs/codec.ts";
import {
  CONTAINER_HEADER_BYTES,
  headerOf,
  isContainer,
  readHeader,
} from "../../src/codecs/container.ts";
import { type FloatDtype, dtypeNames, dtypes, isFloatDtype } from "../../src/codecs/dtypes.ts";
import { decodeBlock, decodedBytes, encodeBlock } from "../../src/codecs/encoded-block.ts";
import { loadCodec } from "../../src/codecs/registry.ts";
import { type Tensor, geometryOf, plainBytes, tensorBytes } from "../../src/codecs/tensor.ts";
import { isKeepwarmError } from "../../src/errors.ts";
import { kvLike, packed, unpacked } from "../support/tensors.ts";

const shapes = [
  { format: "KV_2LTD", shape: [2, 3, 37, 24] },
  { format: "KV_2LTD", shape: [2, 1, 300, 7] },
  { format: "KV_T2D", shape: [33, 2, 16] },
  { format: "KV_2TD", shape: [2, 1, 9] },
  { format: "KV_MLA_FMT", shape: [1, 3, 20, 18] },
] as const;

async function thereAndBack(
  codec: CodecName,
  bytes: Uint8Array,
  tensor: Tensor,
  options?: EncodeOptions,
): Promise<{ container: Buffer; decoded: Uint8Array }> {
  const container = Buffer.concat(await encodeBlock(codec, bytes, tensor, options));
  expect(isContainer(container)).toBe(true);
  expect(readHeader(container)).toMatchObject({ codecId: codecIds[codec], tensor });
  const decoded = new Uint8Array(decodedBytes(container));
  await decodeBlock(container, decoded);
  return { container, decoded };
}

/** Fails when an element is further off than the codec says. */
function expectWithin(
  { dtype, ...rest }: Tensor & { dtype: FloatDtype },
  before: Uint8Array,
  after: Uint8Array,
  bound: { ofElement: number; ofLargest: number },
): void {
  const geometry = geometryOf({ dtype, ...rest })!;
  const [was, is] = [unpacked(dtype, before), unpacked(dtype, after)];
  const { channels } = geometry;
  // In all formats a row of channels is contiguous.
  for (let row = 0; row < was.length; row += channels) {
    const largest = Math.max(...was.slice(row, row + channels).map(Math.abs));
    for (let index = row; index < row + channels; index++) {
      const off = Math.abs(was[index] - is[index]);
      const allowed = (bound.ofElement * Math.abs(was[index]) + bound.ofLargest * largest) * 1.0001;
      if (!(off <= allowed)) expect({ index, was: was[index], is: is[index] }).toEqual({ allowed });
    }
  }
}

describe.each(codecNames)("%s", (name) => {
  for (const { format, shape } of shapes)
    for (const dtype of dtypeNames.filter(isFloatDtype))
      test(`${dtype} as ${format} ${shape.join("x")} comes back within its bound`, async () => {
        const tensor = { dtype, format, shape };
        const bytes = kvLike(tensor);
        const { container, decoded } = await thereAndBack(name, bytes, tensor);
        const codec = await loadCodec(name);
        const bound = codec.errorBound(dtype);
        if (codec.lossless) expect(decoded).toEqual(bytes);
        expect(bound.ofElement === 0).toBe(codec.lossless);
        expectWithin(tensor, bytes, decoded, bound);
        expect(Buffer.concat(await encodeBlock(name, bytes, tensor)).equals(container)).toBe(true);
      });

  test("zeros come back as zeros, and nothing as nothing", async () => {
    const tensor = { dtype: "float16", format: "KV_2LTD", shape: [2, 2, 4, 8] } as const;
    const zeros = new Uint8Array(tensorBytes(tensor));
    expect((await thereAndBack(name, zeros, tensor)).decoded).toEqual(zeros);
    for (const shape of [
      [2, 0, 4, 8],
      [2, 2, 0, 8],
      [2, 2, 4, 0],
    ]) {
      const { decoded } = await thereAndBack(name, new Uint8Array(0), { ...tensor, shape });
      expect(decoded).toHaveLength(0);
    }
  });

  test("memory at odd addresses does for all of it", async () => {
    const tensor = { dtype: "float16", format: "KV_2LTD", shape: [2, 2, 40, 8] } as const;
    const bytes = kvLike(tensor);
    const { decoded } = await thereAndBack(name, bytes, tensor);
    const odd = new Uint8Array(bytes.length + 1).subarray(1);
    odd.set(bytes);
    const parts = await encodeBlock(name, odd, tensor);
    const container = Buffer.concat([Buffer.alloc(1), ...parts]).subarray(1);
    const into = new Uint8Array(bytes.length + 1).subarray(1);
    await decodeBlock(container, into);
    expect(into).toEqual(decoded);
  });

  test("an aborted signal stops it", async () => {
    const tensor = { dtype: "float16", format: "KV_2LTD", shape: [2, 30, 256, 192] } as const;
    const bytes = new Uint8Array(tensorBytes(tensor)).fill(0x3c);
    const signal = AbortSignal.abort(new Error("enough"));
    if (name === "naive") return;
    await expect(encodeBlock(name, bytes, tensor, { signal })).rejects.toThrow("enough");
    const container = Buffer.concat(await encodeBlock(name, bytes, tensor));
    await expect(decodeBlock(container, bytes, { signal })).rejects.toThrow("enough");
  });
});

test.each(["naive", "zstd-planes"] as const)("%s takes any bytes", async (name) => {
  for (const length of [0, 1, 3, 1000, 70_001, 2 * 1024 ** 2 + 3])
    for (const bytes of [randomBytes(length), Buffer.alloc(length, "pattern")]) {
      const { decoded } = await thereAndBack(name, bytes, plainBytes(length));
      expect(bytes.equals(decoded)).toBe(true);
    }
  for (const dtype of ["uint8", "float64"] as const) {
    const bytes = randomBytes(2 * 16 * dtypes[dtype].bytes);
    const tensor = { dtype, format: "KV_2TD", shape: [2, 2, 8] } as const;
    expect(bytes.equals((await thereAndBack(name, bytes, tensor)).decoded)).toBe(true);
  }
});

test.each(["fp8", "cachegen"] as const)("%s refuses what it would spoil", async (name) => {
  const tensor = { dtype: "bfloat16", format: "KV_2TD", shape: [2, 2, 8] } as const;
  const refused = async (bytes: Uint8Array, tensor: Tensor) => {
    const failure = encodeBlock(name, bytes, tensor).catch((error: unknown) => error);
    expect(isKeepwarmError(await failure, "INPUT_INVALID")).toBe(true);
  };
  for (const bad of [Infinity, -Infinity, Number.NaN])
    await refused(
      packed("bfloat16", 32, (index) => (index === 21 ? bad : 1)),
      tensor,
    );
  await refused(new Uint8Array(32), { ...tensor, dtype: "uint8" });
  await refused(new Uint8Array(64), plainBytes(64));
});

test("a shape of another length, and memory of another length, are mistakes of the caller", async () => {
  const tensor = { dtype: "float16", format: "KV_2TD", shape: [2, 2, 8] } as const;
  await expect(encodeBlock("naive", new Uint8Array(63), tensor)).rejects.toThrow(TypeError);
  const container = Buffer.concat(await encodeBlock("naive", new Uint8Array(64), tensor));
  await expect(decodeBlock(container, new Uint8Array(63))).rejects.toThrow(TypeError);
});

test("a container's header is what the documents say, byte by byte", async () => {
  const tensor = { dtype: "bfloat16", format: "KV_2LTD", shape: [2, 1, 2, 1] } as const;
  const bytes = Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7);
  const container = Buffer.concat(await encodeBlock("naive", bytes, tensor));
  expect(container.subarray(0, 28).toString("hex")).toBe(
    "894b57430d0a1a0a0100030102000000010000000200000001000000",
  );
  expect(container.subarray(28).toString("hex")).toMatchInlineSnapshot(
    `"45df30d7080000000000000008000000000000008d1bb81436174a880001020304050607"`,
  );
  expect(container.length).toBe(CONTAINER_HEADER_BYTES + 8);
});

test("each damaged byte and each missing end is noticed", async () => {
  const tensor = { dtype: "float16", format: "KV_2LTD", shape: [2, 1, 5, 6] } as const;
  for (const name of codecNames) {
    const container = Buffer.concat(await encodeBlock(name, kvLike(tensor), tensor));
    const into = new Uint8Array(tensorBytes(tensor));
    const failureOf = (bytes: Buffer) =>
      decodeBlock(bytes, into).then(
        () => "nothing",
        (error: unknown) =>
          isKeepwarmError(error) ||
          (error instanceof TypeError && /the memory for it/.test(error.message))
            ? "noticed"
            : error,
      );
    for (let at = 0; at < container.length; at++) {
      const damaged = Buffer.from(container);
      damaged[at] ^= 1 << (at % 8);
      expect(await failureOf(damaged)).toBe("noticed");
      expect(await failureOf(container.subarray(0, at))).toBe("noticed");
    }
    expect(await failureOf(Buffer.concat([container, Buffer.alloc(1)]))).toBe("noticed");
  }
});

test("a codec or version that is not known is told apart from damage", async () => {
  const header = { tensor: plainBytes(3), originalBytes: 3, originalHash: 0n };
  const payload = Buffer.from("abc");
  const container = Buffer.concat([headerOf({ ...header, codecId: 77 }, [payload]), payload]);
  const failure = await decodeBlock(container, new Uint8Array(3)).catch((error: unknown) => error);
  expect(isKeepwarmError(failure, "UNSUPPORTED")).toBe(true);
  container[8] = 2;
  expect(() => decodedBytes(container)).toThrow(/version 2/);
});

test("a lossless container whose payload decodes to other bytes is noticed", async () => {
  const payload = Buffer.from("abc");
  const header = { codecId: 0, tensor: plainBytes(3), originalBytes: 3, originalHash: 1n };
  const container = Buffer.concat([headerOf(header, [payload]), payload]);
  await expect(decodeBlock(container, new Uint8Array(3))).rejects.toThrow(/not what was encoded/);
});
