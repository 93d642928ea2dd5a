import type { FloatReader } from "../float-rows.ts";

/** Levels a bin count gives: LMCache leaves one bin unused, so that zero is a level and both sides are alike. */
export function levelsOf(bins: number): number {
  return bins - 1;
}

/**
 * A row as symbols 0 to `bins` - 2: each number's share of the row's largest magnitude, rounded to one of
 * the levels.
 *
 * @param row scratch memory for the numbers
 * @param into where the symbols go, from `to` on
 * @returns the largest magnitude; symbols mean something only if it is finite
 */
export function quantiseRow(
  reader: FloatReader,
  at: number,
  row: Float32Array,
  bins: number,
  into: Uint8Array,
  to: number,
): number {
  const channels = row.length;
  const largest = reader.read(at, channels, row);
  const middle = bins / 2 - 1;
  if (largest === 0) {
    into.fill(middle, to, to + channels);
    return 0;
  }
  const factor = middle / largest;
  const toNearest = middle + 0.5;
  for (let channel = 0; channel < channels; channel++)
    into[to + channel] = (row[channel] * factor + toNearest) | 0;
  return largest;
}

/** Adds a row's symbols to the counts of their channels. */
export function countSymbols(
  symbols: Uint8Array,
  at: number,
  channels: number,
  levels: number,
  counts: Uint32Array,
): void {
  for (let channel = 0, to = 0; channel < channels; channel++, to += levels)
    counts[to + symbols[at + channel]]++;
}
