// CPython 3.8+: hash((…)) folds the lanes, which are the hashes of the items, into an accumulator:
//
//   acc = prime5; for each lane: acc += lane * prime2; acc = rotl(acc, 31); acc *= prime1
//   acc += count ^ (prime5 ^ 3527539); all ones becomes 1546275796
//
// all modulo 2^64. JavaScript has no 64-bit integers but BigInt, which allocates, so the loop over
// tokens is a WebAssembly function, assembled below.

/** The part of the WebAssembly API used here; Node's own types leave it out. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { readonly exports: FoldExports };
};

interface FoldExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly fold: (from: number, to: number, accumulator: bigint) => bigint;
}

const prime1 = 11400714785074694791n;
const prime2 = 14029467366897019727n;
const prime5 = 2870177450012600261n;
const modulus = (1n << 61n) - 1n;
const pageBytes = 65536;
const batch = pageBytes / 4;

/** `hash(None)` of CPython 3.12 and later; before, it was an address. */
export const hashOfNone = 0xfca86420n;

/** `hash(n)` of an integer. */
export function hashOfInteger(value: bigint): bigint {
  const hash = value % modulus;
  return hash === -1n ? -2n : hash;
}

/** Hashes of tuples, as signed 64-bit integers. */
export class TupleHash {
  readonly #memory: Uint32Array;
  readonly #fold: FoldExports["fold"];

  constructor() {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(foldModule()));
    this.#memory = new Uint32Array(exports.memory.buffer);
    this.#fold = exports.fold;
  }

  /** `hash((token, …))` */
  ofTokens(tokens: Uint32Array, from: number, to: number): bigint {
    let accumulator = prime5;
    for (let at = from; at < to; at += batch) {
      const end = Math.min(to, at + batch);
      this.#memory.set(tokens.subarray(at, end));
      accumulator = this.#fold(0, (end - at) * 4, accumulator);
    }
    return finish(accumulator, to - from);
  }

  /** `hash((…))` of items whose hashes are `lanes`. */
  ofLanes(...lanes: readonly bigint[]): bigint {
    let accumulator = prime5;
    for (const lane of lanes) {
      const sum = BigInt.asUintN(64, accumulator + lane * prime2);
      accumulator = BigInt.asUintN(64, ((sum << 31n) | (sum >> 33n)) * prime1);
    }
    return finish(accumulator, lanes.length);
  }
}

function finish(accumulator: bigint, count: number): bigint {
  const hash = BigInt.asIntN(64, accumulator + (BigInt(count) ^ prime5 ^ 3527539n));
  return hash === -1n ? 1546275796n : hash;
}

/**
 * ```wat
 * (memory (export "memory") 1)
 * (func (export "fold") (param $at i32) (param $end i32) (param $acc i64) (result i64)
 *   (block (loop
 *     (br_if 1 (i32.ge_u (local.get $at) (local.get $end)))
 *     (local.set $acc (i64.mul (i64.rotl (i64.add (local.get $acc)
 *       (i64.mul (i64.load32_u (local.get $at)) (i64.const prime2)))
 *       (i64.const 31)) (i64.const prime1)))
 *     (local.set $at (i32.add (local.get $at) (i32.const 4)))
 *     (br 0)))
 *   (local.get $acc))
 * ```
 */
function foldModule(): Uint8Array {
  const [i32, i64] = [0x7f, 0x7e];
  const [at, end, accumulator] = [0, 1, 2].map((local) => [0x20, local]);
  const body = [
    [0x00, 0x02, 0x40, 0x03, 0x40], // no more locals; block, loop
    [...at, ...end, 0x4f, 0x0d, 1], // at >= end: leave
    [...accumulator, ...at, 0x35, 2, 0, 0x42, ...signed(prime2), 0x7e, 0x7c], // acc + token * prime2
    [0x42, ...signed(31n), 0x89, 0x42, ...signed(prime1), 0x7e, 0x21, 2], // acc = rotl(…) * prime1
    [...at, 0x41, 4, 0x6a, 0x21, 0, 0x0c, 0], // at += 4, again
    [0x0b, 0x0b, ...accumulator, 0x0b],
  ].flat();
  const sections = [
    section(1, [1, 0x60, 3, i32, i32, i64, 1, i64]),
    section(3, [1, 0]),
    section(5, [1, 1, 1, 1]),
    section(7, [2, ...name("memory"), 2, 0, ...name("fold"), 0, 0]),
    section(10, [1, body.length, ...body]),
  ];
  return Uint8Array.from([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...sections.flat()]);
}

function section(id: number, content: readonly number[]): number[] {
  return [id, content.length, ...content];
}

function name(text: string): number[] {
  return [text.length, ...Buffer.from(text)];
}

/** A 64-bit constant as signed LEB128. */
function signed(value: bigint): number[] {
  const bytes: number[] = [];
  for (let rest = BigInt.asIntN(64, value); ;) {
    const low = Number(BigInt.asUintN(7, rest));
    rest >>= 7n;
    const last = rest === (low >= 0x40 ? -1n : 0n);
    bytes.push(last ? low : low | 0x80);
    if (last) return bytes;
  }
}
