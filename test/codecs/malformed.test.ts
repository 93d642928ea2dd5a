import { expect, test } from "vitest";
import { codecIds, codecNames } from "../../src/codecs/codec.ts";
import { CONTAINER_HEADER_BYTES, headerOf, readHeader } from "../../src/codecs/container.ts";
import { decodeBlock, decodedBytes, encodeBlock } from "../../src/codecs/encoded-block.ts";
import { plainBytes } from "../../src/codecs/tensor.ts";
import { isKeepwarmError } from "../../src/errors.ts";
import { randomFrom } from "../fuzz/random.ts";
import { kvLike } from "../support/tensors.ts";

const rounds = 1500;
const mostBytes = 1024 ** 2;
const canary = 64;
const sizes = [0, 1, 2, 3, 8, 257, 270, 65_535, 2 ** 32 - 1];

/** Decodes with room around the block that nobody may write to. */
async function decode(container: Buffer): Promise<void> {
  const length = decodedBytes(container);
  if (length > mostBytes) return;
  const memory = new Uint8Array(length + 2 * canary).fill(0xa5);
  try {
    await decodeBlock(container, memory.subarray(canary, canary + length));
  } finally {
    const around = [...memory.subarray(0, canary), ...memory.subarray(canary + length)];
    expect(around.every((byte) => byte === 0xa5)).toBe(true);
  }
}

test.each(codecNames)("%s: payloads that lie fail as errors of ours, or decode", async (name) => {
  const tensor = { dtype: "float16", format: "KV_2LTD", shape: [2, 2, 270, 8] } as const;
  const sound = Buffer.concat(await encodeBlock(name, kvLike(tensor), tensor));
  const header = readHeader(sound);
  const seed = Date.now() % 1_000_000;
  const random = randomFrom(seed);
  for (let round = 0; round < rounds; round++) {
    let payload = Buffer.from(sound.subarray(CONTAINER_HEADER_BYTES));
    for (let change = random.below(4); change >= 0; change--) {
      const at = random.below(Math.min(payload.length, random.pick([16, 300, payload.length])));
      const kind = random.below(4);
      if (kind === 0) payload[at] = random.below(256);
      else if (kind === 1) payload = payload.subarray(0, at);
      else if (kind === 2)
        payload.fill(random.pick([0, 255]), at, Math.min(at + 4, payload.length));
      else payload = Buffer.concat([payload, Buffer.alloc(random.below(9), random.below(256))]);
      if (payload.length === 0) break;
    }
    const shape = random.below(3) > 0 ? tensor.shape : otherShape();
    const length = Math.min(2 * shape.reduce((product, size) => product * size, 1), 2 ** 60);
    const lie = { ...header, tensor: { ...tensor, shape }, originalBytes: length };
    const container = Buffer.concat([headerOf(lie, [payload]), payload]);
    try {
      await decode(container);
    } catch (error) {
      if (!isKeepwarmError(error))
        throw new Error(`seed ${seed}, round ${round}`, { cause: error });
    }
  }

  function otherShape(): number[] {
    return [2, ...Array.from({ length: 3 }, () => random.pick(sizes))];
  }
});

test("bytes that only begin as a container fail as errors of ours", async () => {
  const random = randomFrom(11);
  const sound = Buffer.concat(await encodeBlock("naive", Buffer.alloc(100), plainBytes(100)));
  for (let round = 0; round < 5000; round++) {
    const bytes = Buffer.from(sound.subarray(0, random.below(sound.length + 1)));
    for (let at = 8; at < Math.min(bytes.length, 56); at++)
      if (random.below(3) === 0) bytes[at] = random.below(256);
    try {
      await decode(bytes);
    } catch (error) {
      expect(isKeepwarmError(error)).toBe(true);
    }
  }
});

test("nothing is made for layers without tokens, however many a container claims", async () => {
  for (const name of codecNames)
    for (const shape of [
      [2, 2 ** 32 - 1, 0, 2 ** 32 - 1],
      [2, 0, 2 ** 32 - 1, 2 ** 32 - 1],
    ])
      for (const payload of [Buffer.alloc(0), Buffer.alloc(64, 255)]) {
        const tensor = { dtype: "float16", format: "KV_2LTD", shape } as const;
        const codecId = codecIds[name];
        const header = { codecId, tensor, originalBytes: 0, originalHash: 0n };
        const container = Buffer.concat([headerOf(header, [payload]), payload]);
        const outcome = decodeBlock(container, new Uint8Array(0)).catch((error: unknown) => error);
        const failure = await outcome;
        expect(failure === undefined || isKeepwarmError(failure)).toBe(true);
      }
});
