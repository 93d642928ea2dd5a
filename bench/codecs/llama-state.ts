import { KeepwarmError } from "../../src/errors.ts";

// A sequence's state as llama.cpp writes it, `ggsq` version 3, little-endian: u32 magic, u32 version, u32
// tokens, i32 each; u32 streams (1), u32 cells, each i32 position, u32 sequences, i32 each; u32 1 if values are
// transposed; u32 layers; then for each layer of keys, and then of values: i32 element type, u64 bytes of a
// row, a row for each cell.

const magic = 0x67677371;
const version = 3;
const halfPrecision = 1;

/** Keys and values of a whole prompt, within the bytes of a state file. */
export interface LlamaState {
  readonly file: Buffer;
  readonly layers: number;
  readonly tokens: number;
  /** Heads times head size. */
  readonly channels: number;
  /** Where the rows of each sheet begin: keys of all layers, then values. */
  readonly sheets: readonly number[];
}

/** Finds the tensors in a state of one sequence whose cache is of half precision. */
export function readLlamaState(file: Buffer): LlamaState {
  let at = 0;
  const u32 = (): number => {
    at += 4;
    return file.readUInt32LE(at - 4);
  };
  const skip = (words: number): void => {
    at += 4 * words;
  };
  expect("the magic number", u32(), magic);
  expect("the version", u32(), version);
  skip(u32());
  expect("streams", u32(), 1);
  const tokens = u32();
  for (let cell = 0; cell < tokens; cell++) {
    skip(1);
    skip(u32());
  }
  expect("transposed values", u32(), 0);
  const layers = u32();
  let rowBytes = 0;
  const sheets = Array.from({ length: 2 * layers }, () => {
    expect("the element type", u32(), halfPrecision);
    rowBytes = Number(file.readBigUInt64LE(at));
    const begin = at + 8;
    at = begin + tokens * rowBytes;
    return begin;
  });
  return { file, layers, tokens, channels: rowBytes / 2, sheets };
}

/** The first `tokens` tokens from `from` on as float16 KV_2LTD. */
export function tensorIn(state: LlamaState, from: number, tokens: number): Uint8Array {
  const rowBytes = 2 * state.channels;
  const bytes = new Uint8Array(state.sheets.length * tokens * rowBytes);
  for (const [sheet, begin] of state.sheets.entries()) {
    const at = begin + from * rowBytes;
    bytes.set(state.file.subarray(at, at + tokens * rowBytes), sheet * tokens * rowBytes);
  }
  return bytes;
}

/** Puts a tensor back where {@link tensorIn} took it from, in the bytes of `file`. */
export function replaceTensor(
  { sheets, channels }: LlamaState,
  file: Buffer,
  from: number,
  bytes: Uint8Array,
): void {
  const length = bytes.length / sheets.length;
  for (const [sheet, begin] of sheets.entries())
    file.set(bytes.subarray(sheet * length, (sheet + 1) * length), begin + from * 2 * channels);
}

function expect(what: string, value: number, wanted: number): void {
  if (value !== wanted)
    throw new KeepwarmError("INPUT_INVALID", `a llama.cpp state has ${what} ${value}`, {
      remedy: `The bench understands ${wanted}; use the engine's version that it names.`,
    });
}
