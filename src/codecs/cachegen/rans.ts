import { type ChannelModels, GUESS_SHIFT, PROBABILITY_BITS } from "./channel-models.ts";

// A range variant of asymmetric numeral systems (Duda; rANS), two states that take turns by channel, words
// of 16 bits. A state stays from 2^15 to 2^31 - 1, so all arithmetic is that of 31-bit integers.
//
// The encoder goes from the last symbol to the first and writes its words backwards, so that the decoder
// reads both forwards: u32 state of even channels, u32 state of odd channels, then u16 words.

const lowest = 1 << 15;
const mask = (1 << PROBABILITY_BITS) - 1;
const guessBits = PROBABILITY_BITS - GUESS_SHIFT;
const stateWords = 4;

/** Words that a stream of `symbols` takes at most. */
export function mostWords(symbols: number): number {
  return symbols + stateWords;
}

/**
 * Codes rows of symbols, row by row, each channel with its own model.
 *
 * @param models the model of each channel
 * @param words memory for {@link mostWords}; the stream is put at its end
 * @returns where in `words` the stream begins
 */
export function encodeSymbols(
  symbols: Uint8Array,
  rows: number,
  models: Uint16Array,
  tables: ChannelModels,
  words: Uint16Array,
): number {
  const { starts } = tables;
  const perModel = tables.symbols + 1;
  const channels = models.length;
  let even = lowest;
  let odd = lowest;
  let at = words.length;
  for (let index = rows * channels, row = rows; row > 0; row--)
    for (let channel = channels - 1; channel >= 0; channel--) {
      const start = models[channel] * perModel + symbols[--index];
      const first = starts[start];
      const frequency = starts[start + 1] - first;
      let state = (channel & 1) === 0 ? even : odd;
      if (state >= frequency << (31 - PROBABILITY_BITS)) {
        words[--at] = state;
        state >>>= 16;
      }
      const quotient = (state / frequency) | 0;
      state = (quotient << PROBABILITY_BITS) + (state - Math.imul(quotient, frequency)) + first;
      if ((channel & 1) === 0) even = state;
      else odd = state;
    }
  words[--at] = odd >>> 16;
  words[--at] = odd;
  words[--at] = even >>> 16;
  words[--at] = even;
  return at;
}

/** Decodes a stream of one (kind, layer) a row at a time. Reads past its end give zeros, which {@link ended} tells. */
export class SymbolDecoder {
  readonly #models: Int32Array;
  readonly #guessesAt: Int32Array;
  readonly #starts: Uint16Array;
  readonly #guesses: Uint8Array;
  #words: Uint16Array = new Uint16Array(0);
  #at = 0;
  #even = lowest;
  #odd = lowest;

  /** @param models the model of each channel, all of them below `tables.count` */
  constructor(models: Uint16Array, tables: ChannelModels) {
    this.#models = Int32Array.from(models, (model) => model * (tables.symbols + 1));
    this.#guessesAt = Int32Array.from(models, (model) => model << guessBits);
    this.#starts = tables.starts;
    this.#guesses = tables.guesses;
  }

  /** Begins with another stream. */
  begin(words: Uint16Array): void {
    this.#words = words;
    this.#even = wordsAt(words, 0);
    this.#odd = wordsAt(words, 2);
    this.#at = stateWords;
  }

  /** Decodes the symbols of the next row into `row`, one for each channel. */
  next(row: Uint8Array): void {
    const models = this.#models;
    const guessesAt = this.#guessesAt;
    const starts = this.#starts;
    const guesses = this.#guesses;
    const words = this.#words;
    const channels = models.length;
    let at = this.#at;
    let even = this.#even;
    let odd = this.#odd;
    let channel = 0;
    for (; channel + 1 < channels; channel += 2) {
      const evenSlot = even & mask;
      const oddSlot = odd & mask;
      let evenSymbol = guesses[guessesAt[channel] + (evenSlot >> GUESS_SHIFT)];
      let oddSymbol = guesses[guessesAt[channel + 1] + (oddSlot >> GUESS_SHIFT)];
      const evenModel = models[channel];
      const oddModel = models[channel + 1];
      while (starts[evenModel + evenSymbol + 1] <= evenSlot) evenSymbol++;
      while (starts[oddModel + oddSymbol + 1] <= oddSlot) oddSymbol++;
      row[channel] = evenSymbol;
      row[channel + 1] = oddSymbol;
      const evenFirst = starts[evenModel + evenSymbol];
      const oddFirst = starts[oddModel + oddSymbol];
      even =
        Math.imul(starts[evenModel + evenSymbol + 1] - evenFirst, even >>> PROBABILITY_BITS) +
        evenSlot -
        evenFirst;
      odd =
        Math.imul(starts[oddModel + oddSymbol + 1] - oddFirst, odd >>> PROBABILITY_BITS) +
        oddSlot -
        oddFirst;
      if (even < lowest) even = (even << 16) | words[at++];
      if (odd < lowest) odd = (odd << 16) | words[at++];
    }
    if (channel < channels) {
      const slot = even & mask;
      const model = models[channel];
      let symbol = guesses[guessesAt[channel] + (slot >> GUESS_SHIFT)];
      while (starts[model + symbol + 1] <= slot) symbol++;
      row[channel] = symbol;
      const first = starts[model + symbol];
      even =
        Math.imul(starts[model + symbol + 1] - first, even >>> PROBABILITY_BITS) + slot - first;
      if (even < lowest) even = (even << 16) | words[at++];
    }
    this.#at = at;
    this.#even = even;
    this.#odd = odd;
  }

  /** Whether all words were used, and both states are back where the encoder began. */
  get ended(): boolean {
    return this.#at === this.#words.length && this.#even === lowest && this.#odd === lowest;
  }
}

function wordsAt(words: Uint16Array, at: number): number {
  return words[at] | (words[at + 1] << 16);
}
