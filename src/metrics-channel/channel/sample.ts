import type { LogitsMeasures } from "../maths/measure.ts";

/** What was measured when one token was generated. What was not measured is absent, never 0. */
export interface TokenSample extends Partial<{
  [Name in keyof LogitsMeasures]: number | undefined;
}> {
  /** Which generated token of its request, from 0; below 2^32. */
  readonly step: number;
  /** Which of the parallel ranks measured it, below 65,536. Default 0. */
  readonly rank?: number | undefined;
}

/*
 * A sample on the wire, little endian:
 *   u8 version (1), u8 which measures follow (1 norm, 2 tempered norm, 4 entropy), u16 rank,
 *   u32 step, f64 norm, f64 tempered norm, f64 entropy
 */
export const sampleBytes = 32;
const version = 1;
const measures = ["norm", "temperedNorm", "entropy"] as const;

/**
 * The 32 bytes of a sample.
 *
 * @throws TypeError for a step or rank that is no such number
 */
export function encodeSample(sample: TokenSample): Buffer {
  const { step, rank = 0 } = sample;
  if (!isNatural(step, 2 ** 32)) throw new TypeError(`${step} is no step: it counts from 0`);
  if (!isNatural(rank, 2 ** 16)) throw new TypeError(`${rank} is no rank: it counts from 0`);
  const bytes = Buffer.alloc(sampleBytes);
  let taken = 0;
  for (const [index, name] of measures.entries()) {
    const value = sample[name];
    if (value === undefined) continue;
    taken |= 1 << index;
    bytes.writeDoubleLE(value, 8 + 8 * index);
  }
  bytes[0] = version;
  bytes[1] = taken;
  bytes.writeUInt16LE(rank, 2);
  bytes.writeUInt32LE(step, 4);
  return bytes;
}

/** The sample that these bytes are; nothing when they are none of this version. */
export function decodeSample(bytes: Uint8Array): TokenSample | undefined {
  if (bytes.length !== sampleBytes || bytes[0] !== version || bytes[1] > 7) return undefined;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const sample: { -readonly [Name in keyof TokenSample]: TokenSample[Name] } = {
    step: view.readUInt32LE(4),
    rank: view.readUInt16LE(2),
  };
  for (const [index, name] of measures.entries())
    if (bytes[1] & (1 << index)) sample[name] = view.readDoubleLE(8 + 8 * index);
  return sample;
}

function isNatural(number: number, limit: number): boolean {
  return Number.isInteger(number) && number >= 0 && number < limit;
}
