import type { DecodeOptions } from "../codec.ts";
import { type FloatDtype, dtypes } from "../dtypes.ts";
import { numbersOf } from "../float-bits.ts";
import { FloatWriter, bitsIn } from "../float-rows.ts";
import { malformed } from "../malformed.ts";
import type { Geometry } from "../tensor.ts";
import { TimeSlices } from "../time-slices.ts";
import { areBins } from "./bins.ts";
import { ChannelModels } from "./channel-models.ts";
import { TOKENS_PER_BLOCK, blocksOf, headBytes, scaleBytes } from "./payload.ts";
import { levelsOf } from "./quantise.ts";
import { SymbolDecoder } from "./rans.ts";

/** One use: a payload becomes a tensor. */
export class CachegenDecoder {
  readonly #dtype: FloatDtype;
  readonly #geometry: Geometry;
  readonly #slices: TimeSlices;

  constructor(dtype: FloatDtype, geometry: Geometry, { signal }: DecodeOptions) {
    this.#dtype = dtype;
    this.#geometry = geometry;
    this.#slices = new TimeSlices(signal);
  }

  async decode(payload: Uint8Array, into: Uint8Array): Promise<void> {
    const { kinds, layers, tokens, channels } = this.#geometry;
    if (into.length === 0) {
      if (payload.length > 0) throw malformed("it has bytes for a block of none");
      return;
    }
    const sheets = kinds * layers;
    const pieces = blocksOf(tokens) * sheets;
    const directoryAt = headBytes(this.#geometry);
    let at = directoryAt + 4 * pieces;
    if (payload.length < at) throw malformed("its payload is cut off");
    const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
    if (view.getUint32(0, true) !== TOKENS_PER_BLOCK)
      throw malformed(`its blocks are not of ${TOKENS_PER_BLOCK} tokens`);
    const writer = new FloatWriter(this.#dtype, into);
    const symbols = new Uint8Array(channels);
    const decoders: SymbolDecoder[] = [];
    for (let piece = 0; piece < pieces; piece++) {
      const sheet = piece % sheets;
      const length = view.getUint32(directoryAt + 4 * piece, true);
      if (length > payload.length - at) throw malformed("a piece reaches beyond its end");
      const decoder = (decoders[sheet] ??= this.#decoder(view, sheet));
      const bytes = payload.subarray(at, at + length);
      await this.#decodePiece(decoder, view.getUint8(4 + sheet), piece, bytes, symbols, writer);
      at += length;
    }
    if (at !== payload.length) throw malformed("bytes follow its last piece");
    writer.finish();
  }

  /** What decodes the streams of a sheet. */
  #decoder(head: DataView, sheet: number): SymbolDecoder {
    const { kinds, layers, channels } = this.#geometry;
    const bins = head.getUint8(4 + sheet);
    if (!areBins(bins)) throw malformed(`it has ${bins} bins`);
    const tables = ChannelModels.of(levelsOf(bins));
    const models = new Uint16Array(channels);
    const at = headBytes(this.#geometry) - 2 * channels * (kinds * layers - sheet);
    for (let channel = 0; channel < channels; channel++) {
      models[channel] = head.getUint16(at + 2 * channel, true);
      if (models[channel] >= tables.count) throw malformed("a channel names a model that is none");
    }
    return new SymbolDecoder(models, tables);
  }

  async #decodePiece(
    decoder: SymbolDecoder,
    bins: number,
    piece: number,
    bytes: Uint8Array,
    symbols: Uint8Array,
    writer: FloatWriter,
  ): Promise<void> {
    const { kinds, layers, tokens, channels } = this.#geometry;
    const { kindStride, layerStride, tokenStride } = this.#geometry;
    const sheet = piece % (kinds * layers);
    const from = Math.floor(piece / (kinds * layers)) * TOKENS_PER_BLOCK;
    const to = Math.min(from + TOKENS_PER_BLOCK, tokens);
    const bytesOfScales = (to - from) * scaleBytes(dtypes[this.#dtype].bytes);
    const words = (bytes.length - bytesOfScales) / 2;
    if (!Number.isInteger(words) || words < 4) throw malformed("a piece has not its length");
    const scales = this.#scales(bytes.subarray(0, bytesOfScales), to - from);
    decoder.begin(bitsIn(bytes.subarray(bytesOfScales), 2) as Uint16Array);
    const levels = levelsOf(bins);
    const middle = bins / 2 - 1;
    const table = new Uint32Array(levels);
    const begin = Math.floor(sheet / layers) * kindStride + (sheet % layers) * layerStride;
    for (let token = from; token < to; token++) {
      const step = scales[token - from] / middle;
      for (let level = 0; level < levels; level++)
        table[level] = writer.bitsOf((level - middle) * step);
      decoder.next(symbols);
      writer.write(begin + token * tokenStride, channels, symbols, table);
      if (this.#slices.over) await this.#slices.giveWay();
    }
    if (!decoder.ended) throw malformed("a stream does not end where it should");
  }

  #scales(bytes: Uint8Array, count: number): Float32Array {
    if (this.#dtype === "float32") return new Float32Array(new Uint8Array(bytes).buffer);
    const numbers = numbersOf(this.#dtype);
    const bits = bitsIn(bytes, 2);
    return Float32Array.from(
      { length: count },
      (_, index) => numbers[bits[index] % numbers.length],
    );
  }
}
