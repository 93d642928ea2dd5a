import type { EncodeOptions } from "../codec.ts";
import { type FloatDtype, dtypes } from "../dtypes.ts";
import { bitsOf } from "../float-bits.ts";
import { FloatReader } from "../float-rows.ts";
import { unsuitable } from "../malformed.ts";
import type { Geometry } from "../tensor.ts";
import { TimeSlices } from "../time-slices.ts";
import { binsOf } from "./bins.ts";
import { ChannelModels } from "./channel-models.ts";
import { TOKENS_PER_BLOCK, blocksOf, headBytes, scaleBytes } from "./payload.ts";
import { countSymbols, levelsOf, quantiseRow } from "./quantise.ts";
import { encodeSymbols, mostWords } from "./rans.ts";

/** One use: a tensor becomes a payload. */
export class CachegenEncoder {
  readonly #dtype: FloatDtype;
  readonly #geometry: Geometry;
  readonly #bins: Uint8Array;
  readonly #slices: TimeSlices;
  readonly #head: Buffer;
  /** Scales and stream of each (block of tokens, kind, layer). */
  readonly #pieces: Buffer[];
  readonly #row: Float32Array;
  readonly #symbols: Uint8Array;
  readonly #words: Uint16Array;

  constructor(dtype: FloatDtype, geometry: Geometry, options: EncodeOptions) {
    const { kinds, layers, tokens, channels } = geometry;
    this.#dtype = dtype;
    this.#geometry = geometry;
    this.#bins = binsOf(geometry, options);
    this.#slices = new TimeSlices(options.signal);
    this.#head = Buffer.alloc(headBytes(geometry));
    this.#pieces = Array.from({ length: blocksOf(tokens) * kinds * layers });
    this.#row = new Float32Array(channels);
    this.#symbols = new Uint8Array(tokens * channels);
    this.#words = new Uint16Array(mostWords(Math.min(tokens, TOKENS_PER_BLOCK) * channels));
  }

  async encode(bytes: Uint8Array): Promise<Uint8Array> {
    const { kinds, layers } = this.#geometry;
    const reader = new FloatReader(this.#dtype, bytes);
    this.#head.writeUInt32LE(TOKENS_PER_BLOCK, 0);
    this.#head.set(this.#bins, 4);
    for (let sheet = 0; sheet < kinds * layers; sheet++) await this.#encodeSheet(reader, sheet);
    const lengths = new Uint32Array(this.#pieces.length);
    for (const [index, piece] of this.#pieces.entries()) lengths[index] = piece.length;
    const directory = Buffer.from(lengths.buffer);
    return Buffer.concat([this.#head, directory, ...this.#pieces]);
  }

  /** One kind of one layer. */
  async #encodeSheet(reader: FloatReader, sheet: number): Promise<void> {
    const { layers, tokens, channels, kindStride, layerStride, tokenStride } = this.#geometry;
    const sheets = this.#bins.length;
    const levels = levelsOf(this.#bins[sheet]);
    const tables = ChannelModels.of(levels);
    const scales = new Float32Array(tokens);
    const counts = new Uint32Array(channels * levels);
    const begin = Math.floor(sheet / layers) * kindStride + (sheet % layers) * layerStride;
    for (let token = 0; token < tokens; token++) {
      const to = token * channels;
      const at = begin + token * tokenStride;
      scales[token] = quantiseRow(reader, at, this.#row, this.#bins[sheet], this.#symbols, to);
      if (!Number.isFinite(scales[token])) throw unsuitable("cachegen", "infinities or NaN");
      countSymbols(this.#symbols, to, channels, levels, counts);
      if (this.#slices.over) await this.#slices.giveWay();
    }
    const models = new Uint16Array(channels);
    const modelsAt = headBytes(this.#geometry) - 2 * channels * (sheets - sheet);
    for (let channel = 0; channel < channels; channel++) {
      models[channel] = tables.choose(counts, channel * levels);
      this.#head.writeUInt16LE(models[channel], modelsAt + 2 * channel);
    }
    for (let block = 0; block < blocksOf(tokens); block++) {
      const from = block * TOKENS_PER_BLOCK;
      const to = Math.min(from + TOKENS_PER_BLOCK, tokens);
      const symbols = this.#symbols.subarray(from * channels, to * channels);
      const at = encodeSymbols(symbols, to - from, models, tables, this.#words);
      this.#pieces[block * sheets + sheet] = this.#piece(
        scales.subarray(from, to),
        this.#words.subarray(at),
      );
      if (this.#slices.over) await this.#slices.giveWay();
    }
  }

  #piece(scales: Float32Array, words: Uint16Array): Buffer {
    const bytes = scaleBytes(dtypes[this.#dtype].bytes);
    const piece = Buffer.allocUnsafe(scales.length * bytes + words.byteLength);
    for (const [index, scale] of scales.entries())
      piece.writeUIntLE(bitsOf(this.#dtype, scale), index * bytes, bytes);
    piece.set(
      new Uint8Array(words.buffer, words.byteOffset, words.byteLength),
      scales.length * bytes,
    );
    return piece;
  }
}
