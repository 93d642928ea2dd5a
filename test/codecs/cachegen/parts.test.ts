import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { areBins, binsOf } from "../../../src/codecs/cachegen/bins.ts";
import { ChannelModels } from "../../../src/codecs/cachegen/channel-models.ts";
import { quantiseRow } from "../../../src/codecs/cachegen/quantise.ts";
import { SymbolDecoder, encodeSymbols, mostWords } from "../../../src/codecs/cachegen/rans.ts";
import { FloatReader } from "../../../src/codecs/float-rows.ts";
import { decodeBlock, encodeBlock } from "../../../src/codecs/encoded-block.ts";
import { geometryOf } from "../../../src/codecs/tensor.ts";
import { randomFrom } from "../../fuzz/random.ts";
import { kvLike } from "../../support/tensors.ts";

const sha = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

const geometry = (layers: number) =>
  geometryOf({ dtype: "float16", format: "KV_2LTD", shape: [2, layers, 4, 4] })!;

describe("bins", () => {
  test("are LMCache's by layer and kind", () => {
    const bins = [...binsOf(geometry(32), {})];
    expect(bins.slice(0, 32)).toEqual([...Array(10).fill(32), ...Array(22).fill(16)]);
    expect(bins.slice(32)).toEqual([...Array(2).fill(32), ...Array(30).fill(16)]);
    expect(new Set(binsOf(geometry(9), {}))).toEqual(new Set([32]));
  });

  test("go by the place in the model when a block has only some of its layers", () => {
    expect([...binsOf(geometry(1), { firstLayer: 1, modelLayers: 32 })]).toEqual([32, 32]);
    expect([...binsOf(geometry(1), { firstLayer: 12, modelLayers: 32 })]).toEqual([16, 16]);
    expect([...binsOf(geometry(1), { firstLayer: 5 })]).toEqual([32, 32]);
  });

  test("may be chosen, within limits", () => {
    expect([
      ...binsOf(geometry(2), { bins: (kind, layer) => (kind === "key" ? 64 : 4 + 2 * layer) }),
    ]).toEqual([64, 64, 4, 6]);
    for (const wrong of [0, 3, 66, 15, 2, Number.NaN, 16.5]) {
      expect(areBins(wrong)).toBe(false);
      expect(() => binsOf(geometry(1), { bins: () => wrong })).toThrow(TypeError);
    }
  });
});

test("a row is quantised as LMCache does it", () => {
  const numbers = [0.5, -2, 1.9, 0, 0.07, -0.07, 2, 0.1];
  const reader = new FloatReader("float32", new Uint8Array(Float32Array.from(numbers).buffer));
  const symbols = new Uint8Array(8);
  expect(quantiseRow(reader, 0, new Float32Array(8), 32, symbols, 0)).toBe(2);
  const rounded = numbers.map((number) => Math.round((number * 15) / 2 + 15));
  expect([...symbols]).toEqual(rounded);
});

describe("channel models", () => {
  test.each([3, 15, 31, 63])("of %i symbols give each of them a share", (symbols) => {
    const { starts, count, guesses } = ChannelModels.of(symbols);
    for (let model = 0; model < count; model++) {
      const at = model * (symbols + 1);
      expect(starts[at]).toBe(0);
      expect(starts[at + symbols]).toBe(4096);
      for (let symbol = 0; symbol < symbols; symbol++)
        if (starts[at + symbol] >= starts[at + symbol + 1])
          expect({ model, symbol }).toBe("a share of nothing");
    }
    expect(guesses.length).toBe(64 * count);
  });

  test("are the same on every machine", () => {
    const digest = createHash("sha256");
    for (const symbols of [15, 31, 63]) digest.update(ChannelModels.of(symbols).starts);
    expect(digest.digest("hex")).toMatchInlineSnapshot(
      `"09d514537b66e8fc60595903a25333b7ac6d358c764cd36016d512f0a51b9854"`,
    );
  });

  test("the one that is chosen is hardly worse than the best", () => {
    const random = randomFrom(3);
    const models = ChannelModels.of(15);
    for (let round = 0; round < 200; round++) {
      const counts = new Uint32Array(15);
      const centre = random.below(15);
      const spread = 1 + random.below(6);
      for (let draw = 0; draw < 256; draw++) {
        const off = random.below(spread) + random.below(spread) - spread + 1;
        counts[Math.min(Math.max(centre + off, 0), 14)]++;
      }
      const costOf = (model: number) =>
        counts.reduce((bits, count, symbol) => {
          const at = model * 16 + symbol;
          return bits - count * Math.log2((models.starts[at + 1] - models.starts[at]) / 4096);
        }, 0);
      const best = Math.min(...Array.from({ length: models.count }, (_, model) => costOf(model)));
      expect(costOf(models.choose(counts, 0))).toBeLessThan(best * 1.02 + 1);
    }
  });
});

describe("rANS", () => {
  test.each([1, 2, 3, 8, 31])("gives back rows of %i channels", (channels) => {
    const random = randomFrom(channels);
    for (const symbols of [3, 15, 63])
      for (const rows of [0, 1, 2, 100]) {
        const tables = ChannelModels.of(symbols);
        const models = Uint16Array.from({ length: channels }, () => random.below(tables.count));
        const input = Uint8Array.from({ length: rows * channels }, () => random.below(symbols));
        const words = new Uint16Array(mostWords(input.length));
        const at = encodeSymbols(input, rows, models, tables, words);
        const decoder = new SymbolDecoder(models, tables);
        decoder.begin(words.subarray(at));
        const row = new Uint8Array(channels);
        const output = Array.from({ length: rows }, () => {
          decoder.next(row);
          return [...row];
        });
        expect(output.flat()).toEqual([...input]);
        expect(decoder.ended).toBe(true);
      }
  });
});

test("what was encoded stays what it is: the bytes of a container", async () => {
  const tensor = { dtype: "bfloat16", format: "KV_2LTD", shape: [2, 2, 300, 16] } as const;
  const container = Buffer.concat(await encodeBlock("cachegen", kvLike(tensor), tensor));
  const decoded = new Uint8Array(2 * 2 * 300 * 16 * 2);
  await decodeBlock(container, decoded);
  expect([container.length, sha(container), sha(decoded)]).toMatchInlineSnapshot(`
    [
      9806,
      "0acbdaf935dc010338c00cd509492640b4f6d7043d5126b636cfd3013fb7839a",
      "dc98a4dcb05655802c227095fd332457530b7992e4700b826686a6a5ecfb6cc9",
    ]
  `);
});
