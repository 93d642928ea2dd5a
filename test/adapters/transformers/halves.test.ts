import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromHalves, toHalves } from "../../../src/adapters/transformers/halves.ts";
import { float16ToNumber, numberToFloat16 } from "../../../src/codecs/float-bits.ts";
import { answer, loadModel, logitsBehind, pastOf, ramStore, serve, tinyFolder } from "./support.ts";
import { tokensOf } from "./tokens.ts";

function halfOf(number: number): number {
  const halves = new Uint16Array(1);
  toHalves(new Uint32Array(Float32Array.of(number).buffer), halves);
  return halves[0];
}

describe("float32 numbers as float16", () => {
  it("are the nearest, to even where two are", () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true }), (number) => {
        expect(halfOf(number)).toBe(numberToFloat16(number));
      }),
      { numRuns: 5000 },
    );
  });

  it("are so between all neighbours, from the smallest to infinity", () => {
    for (let half = 0; half < 0x7bff; half++) {
      const [low, high] = [float16ToNumber(half), float16ToNumber(half + 1)];
      const middle = (low + high) / 2;
      const even = half % 2 === 0 ? half : half + 1;
      const got = [low, Math.fround(low + (high - low) / 4), middle, high].map(halfOf);
      if (got.join() !== [half, half, even, half + 1].join()) expect(got).toEqual(half);
    }
    const edges = [65_519, 65_520, Infinity, -Infinity, -0, 1e-10, -1e30];
    expect(edges.map(halfOf)).toEqual([0x7bff, 0x7c00, 0x7c00, 0xfc00, 0x8000, 0, 0xfc00]);
    expect(halfOf(Number.NaN) & 0x7fff).toBeGreaterThan(0x7c00);
  });

  it("are what they stand for when they come back", () => {
    const halves = Uint16Array.from({ length: 0x7c00 }, (_, bits) => bits);
    const numbers = new Float32Array(halves.length);
    fromHalves(halves, numbers);
    const back = new Uint16Array(halves.length);
    toHalves(new Uint32Array(numbers.buffer), back);
    expect(back).toEqual(halves);
  });
});

describe("a cache that stores float16", () => {
  it("takes half the room, and brings what was rounded", async () => {
    const [folder, store] = [await tinyFolder(), ramStore()];
    const prompt = tokensOf(1, 64);
    await using first = await serve(folder, store, { storeAs: "float16" });
    const computed = await pastOf(first.model, prompt);
    const kept = await first.attached.keep(prompt, computed);
    expect(kept.storedBytes).toBe((64 + 7) * 3 * 2 * 2 * 16 * 2);
    const { past_key_values: past, report } = await first.attached.restore(prompt);
    expect(report).toMatchObject({ status: "HIT", restoredTokens: 63 });
    const [one, other] = [computed, past].map(
      (cache) => Reflect.get(cache, "past_key_values.1.value") as { data: Float32Array },
    );
    for (let head = 0; head < 2; head++)
      for (let at = 0; at < 63 * 16; at++) {
        const wanted = float16ToNumber(numberToFloat16(one.data[head * 64 * 16 + at]));
        if (other.data[head * 63 * 16 + at] !== wanted) expect(at).toBe("equal");
      }
    const cold = await logitsOf(
      first.model,
      prompt,
      await pastOf(first.model, prompt.slice(0, 63)),
    );
    const warm = await logitsOf(first.model, prompt, past);
    const apart = cold.map((logit, at) => Math.abs(logit - warm[at]));
    expect(Math.max(...apart)).toBeGreaterThan(0);
    expect(Math.max(...apart)).toBeLessThan(0.02);
  });

  it("stores nothing that is too great for it", async () => {
    const [folder, store] = [await tinyFolder(), ramStore()];
    const prompt = tokensOf(1, 24);
    await using served = await serve(folder, store, { storeAs: "float16" });
    const past = await pastOf(served.model, prompt);
    const { data } = Reflect.get(past, "past_key_values.2.key") as { data: Float32Array };
    data[10 * 16] = 70_000;
    const kept = await served.attached.keep(prompt, past);
    expect(kept).toMatchObject({ status: "STORED", storedTokens: 8 + 8 + 7, reason: "no-value" });
    const { report } = await served.attached.restore(prompt);
    expect(report.restoredTokens).toBe(8);
  });

  it("does not share with one that stores what it has", async () => {
    const [folder, store] = [await tinyFolder(), ramStore()];
    const prompt = tokensOf(2, 40);
    await using rounded = await serve(folder, store, { storeAs: "float16" });
    await answer(rounded.model, prompt);
    await rounded.cache.settled();
    await using exact = await serve(folder, store);
    const plain = await loadModel(folder);
    expect(await answer(exact.model, prompt)).toEqual(await answer(plain, prompt));
    await plain.dispose();
    expect(exact.attached.lastReuse).toMatchObject({ status: "MISS" });
  });
});

async function logitsOf(...args: Parameters<typeof logitsBehind>): Promise<Float32Array> {
  const bytes = Uint8Array.from(await logitsBehind(...args));
  return new Float32Array(bytes.buffer);
}
