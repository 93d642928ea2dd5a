import { type FloatDtype, dtypes } from "./dtypes.ts";
import { bitsOf, numbersOf } from "./float-bits.ts";

type Bits = Uint8Array | Uint16Array | Uint32Array;

/** A tensor's elements as float32 numbers, a row at a time. */
export class FloatReader {
  readonly #bits: Bits;
  readonly #floats: Float32Array;

  constructor(dtype: FloatDtype, bytes: Uint8Array) {
    this.#bits = bitsIn(bytes, dtypes[dtype].bytes);
    this.#floats =
      dtype === "float32"
        ? new Float32Array(this.#bits.buffer, this.#bits.byteOffset, this.#bits.length)
        : numbersOf(dtype);
  }

  /**
   * Puts `count` numbers from element `at` on into `row`.
   *
   * @returns the largest magnitude; infinite or `NaN` if one of them is
   */
  read(at: number, count: number, row: Float32Array): number {
    // Without the sign, bits of all these types are ordered as their numbers, and NaN comes last.
    const bits = this.#bits;
    if (bits instanceof Uint16Array)
      return this.#floats[read16(bits, this.#floats, at, count, row)];
    if (bits instanceof Uint8Array) return this.#floats[read8(bits, this.#floats, at, count, row)];
    const from = this.#floats.subarray(at, at + count);
    row.set(from);
    return largest(from);
  }
}

/** Writes a tensor's elements, a row at a time, from a table of the values they may have. */
export class FloatWriter {
  readonly #dtype: FloatDtype;
  readonly #into: Uint8Array;
  readonly #bits: Bits;

  constructor(dtype: FloatDtype, into: Uint8Array) {
    this.#dtype = dtype;
    this.#into = into;
    this.#bits = bitsIn(into, dtypes[dtype].bytes);
  }

  /** The bits of `value` in the tensor's element type. */
  bitsOf(value: number): number {
    return bitsOf(this.#dtype, value);
  }

  /** Writes `table[symbols[from + i]]` to the elements from `at` on. */
  write(at: number, count: number, symbols: Uint8Array, table: Uint32Array, from = 0): void {
    const bits = this.#bits;
    if (bits instanceof Uint16Array) write16(bits, at, count, symbols, from, table);
    else if (bits instanceof Uint32Array) write32(bits, at, count, symbols, from, table);
    else write8(bits, at, count, symbols, from, table);
  }

  /** To be called last: memory at an odd address is filled by a copy. */
  finish(): void {
    const { buffer, byteOffset, byteLength } = this.#bits;
    if (buffer !== this.#into.buffer)
      this.#into.set(new Uint8Array(buffer, byteOffset, byteLength));
  }
}

/** A view of the bytes as elements of `size` bytes; a copy where their address does not allow one. */
export function bitsIn(bytes: Uint8Array, size: number): Bits {
  if (size === 1) return bytes;
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  const { buffer, byteOffset } = aligned;
  return size === 2
    ? new Uint16Array(buffer, byteOffset, bytes.length / 2)
    : new Uint32Array(buffer, byteOffset, bytes.length / 4);
}

// One function for each width, so that each is compiled for one kind of array.

function read16(
  bits: Uint16Array,
  numbers: Float32Array,
  at: number,
  count: number,
  row: Float32Array,
): number {
  let most = 0;
  for (let i = 0; i < count; i++) {
    const element = bits[at + i];
    row[i] = numbers[element];
    const magnitude = element & 0x7fff;
    if (magnitude > most) most = magnitude;
  }
  return most;
}

function read8(
  bits: Uint8Array,
  numbers: Float32Array,
  at: number,
  count: number,
  row: Float32Array,
): number {
  let most = 0;
  for (let i = 0; i < count; i++) {
    const element = bits[at + i];
    row[i] = numbers[element];
    const magnitude = element & 0x7f;
    if (magnitude > most) most = magnitude;
  }
  return most;
}

function write8(
  bits: Uint8Array,
  at: number,
  count: number,
  symbols: Uint8Array,
  from: number,
  table: Uint32Array,
): void {
  for (let i = 0; i < count; i++) bits[at + i] = table[symbols[from + i]];
}

function write16(
  bits: Uint16Array,
  at: number,
  count: number,
  symbols: Uint8Array,
  from: number,
  table: Uint32Array,
): void {
  for (let i = 0; i < count; i++) bits[at + i] = table[symbols[from + i]];
}

function write32(
  bits: Uint32Array,
  at: number,
  count: number,
  symbols: Uint8Array,
  from: number,
  table: Uint32Array,
): void {
  for (let i = 0; i < count; i++) bits[at + i] = table[symbols[from + i]];
}

function largest(row: Float32Array): number {
  let most = 0;
  for (const number of row) {
    const magnitude = Math.abs(number);
    if (!(magnitude <= most)) most = magnitude;
    if (Number.isNaN(magnitude)) return Number.NaN;
  }
  return most;
}
