/** Frequencies of all symbols of a model add up to 2 to this. */
export const PROBABILITY_BITS = 12;
/** Slots of the decoder's first guess are this many bits shorter. */
export const GUESS_SHIFT = 6;

const total = 1 << PROBABILITY_BITS;
const guesses = total >> GUESS_SHIFT;
const scales = 24;
const firstScale = 0.1;
const scaleStep = 1.25;

/**
 * What a channel's symbols may be distributed like: logistic distributions with their centre at every half
 * symbol and 24 widths from 0.1 symbols on, each a quarter wider than the one before. A channel names one of
 * them in two bytes, where its own counts would take a third of what they save.
 *
 * Tables are part of the format, so they come from additions, multiplications and divisions of doubles only,
 * which all machines round alike.
 */
export class ChannelModels {
  readonly symbols: number;
  readonly count: number;
  /** By model: where each symbol begins among the {@link PROBABILITY_BITS}; one more than symbols. */
  readonly starts: Uint16Array;
  /** By model: the symbol at the beginning of each stretch of slots. */
  readonly guesses: Uint8Array;
  /** By model: bits that each symbol takes. */
  readonly #costs: Float32Array;

  private constructor(symbols: number) {
    this.symbols = symbols;
    this.count = 2 * symbols * scales;
    this.starts = new Uint16Array(this.count * (symbols + 1));
    this.guesses = new Uint8Array(this.count * guesses);
    this.#costs = new Float32Array(this.count * symbols);
    let model = 0;
    for (let half = 0; half < 2 * symbols; half++)
      for (let scale = firstScale, step = 0; step < scales; step++, scale *= scaleStep)
        this.#fill(model++, half / 2, scale);
  }

  static readonly #made = new Map<number, ChannelModels>();

  /** The models of symbols 0 to `symbols` - 1, made when first asked for. */
  static of(symbols: number): ChannelModels {
    let models = ChannelModels.#made.get(symbols);
    if (models === undefined)
      ChannelModels.#made.set(symbols, (models = new ChannelModels(symbols)));
    return models;
  }

  /** A model that codes symbols with these counts in few bits: from their mean and spread, then downhill. */
  choose(counts: Uint32Array, at: number): number {
    const { symbols } = this;
    let sum = 0;
    let weighted = 0;
    let squares = 0;
    for (let symbol = 0; symbol < symbols; symbol++) {
      const count = counts[at + symbol];
      sum += count;
      weighted += count * symbol;
      squares += count * symbol * symbol;
    }
    const mean = weighted / sum;
    // A logistic distribution of scale s has the variance (pi s)^2 / 3.
    const width = Math.sqrt((3 * Math.max(squares / sum - mean * mean, 0)) / Math.PI ** 2);
    let half = Math.min(Math.round(2 * mean), 2 * symbols - 1);
    let step = Math.round(Math.log(width / firstScale) / Math.log(scaleStep));
    step = Math.min(Math.max(step, 0), scales - 1);
    let best = this.#cost(half * scales + step, counts, at);
    for (let better = true; better;) {
      better = false;
      for (let direction = 0; direction < 4; direction++) {
        const otherHalf = half + (direction === 0 ? 1 : direction === 1 ? -1 : 0);
        const otherStep = step + (direction === 2 ? 1 : direction === 3 ? -1 : 0);
        if (otherHalf < 0 || otherHalf >= 2 * symbols || otherStep < 0 || otherStep >= scales)
          continue;
        const cost = this.#cost(otherHalf * scales + otherStep, counts, at);
        if (cost >= best) continue;
        best = cost;
        half = otherHalf;
        step = otherStep;
        better = true;
      }
    }
    return half * scales + step;
  }

  #cost(model: number, counts: Uint32Array, at: number): number {
    const { symbols } = this;
    let bits = 0;
    for (let symbol = 0; symbol < symbols; symbol++)
      bits += counts[at + symbol] * this.#costs[model * symbols + symbol];
    return bits;
  }

  #fill(model: number, centre: number, scale: number): void {
    const { symbols, starts } = this;
    const frequencies: number[] = [];
    let below = 0;
    let left = total;
    for (let symbol = 0; symbol < symbols; symbol++) {
      const upTo = symbol === symbols - 1 ? 1 : logistic((symbol + 0.5 - centre) / scale);
      frequencies[symbol] = 1 + Math.floor((upTo - below) * (total - symbols));
      left -= frequencies[symbol];
      below = upTo;
    }
    // Rounding down left some over: the likeliest has the most use for it.
    frequencies[frequencies.indexOf(Math.max(...frequencies))] += left;
    const at = model * (symbols + 1);
    for (const [symbol, frequency] of frequencies.entries()) {
      starts[at + symbol + 1] = starts[at + symbol] + frequency;
      this.#costs[model * symbols + symbol] = PROBABILITY_BITS - Math.log2(frequency);
    }
    for (let guess = 0, symbol = 0; guess < guesses; guess++) {
      while (starts[at + symbol + 1] <= guess << GUESS_SHIFT) symbol++;
      this.guesses[model * guesses + guess] = symbol;
    }
  }
}

function logistic(x: number): number {
  return 1 / (1 + exponential(-x));
}

/** e to the x, from operations that IEEE 754 defines to the last bit; `Math.exp` is not such. */
function exponential(x: number): number {
  const within = Math.min(Math.max(x, -200), 200) / 4096;
  let term = 1;
  let sum = 1;
  for (let n = 1; n < 8; n++) {
    term = (term * within) / n;
    sum += term;
  }
  for (let doubling = 0; doubling < 12; doubling++) sum *= sum;
  return sum;
}
