// CPython: hash(str) is SipHash of the text's bytes under a key that PYTHONHASHSEED decides.
// One compression round a word from 3.11 on, two before; three or four at the end.

const mask = (1n << 64n) - 1n;
const rotate = (value: bigint, by: bigint) => ((value << by) | (value >> (64n - by))) & mask;

/** `hash(text)` of a text in ASCII, in a CPython 3.`minor` under PYTHONHASHSEED=`seed`. */
export function hashOfText(text: string, seed: number, minor: number): bigint {
  if (text === "") return 0n;
  const [rounds, last] = minor >= 11 ? [1, 3] : [2, 4];
  const hash = BigInt.asIntN(64, sipHash(Buffer.from(text, "latin1"), hashKey(seed), rounds, last));
  return hash === -1n ? -2n : hash;
}

/** The 16 bytes that CPython makes of its seed: none for 0, else from a linear congruence. */
function hashKey(seed: number): Buffer {
  const key = Buffer.alloc(16);
  if (seed === 0) return key;
  let state = seed;
  for (let index = 0; index < key.length; index++) {
    state = (Math.imul(state, 214013) + 2531011) >>> 0;
    key[index] = state >>> 16;
  }
  return key;
}

function sipHash(bytes: Buffer, key: Buffer, rounds: number, last: number): bigint {
  const [k0, k1] = [key.readBigUInt64LE(0), key.readBigUInt64LE(8)];
  const v = [
    k0 ^ 0x736f6d6570736575n,
    k1 ^ 0x646f72616e646f6dn,
    k0 ^ 0x6c7967656e657261n,
    k1 ^ 0x7465646279746573n,
  ];
  const padded = Buffer.alloc((Math.floor(bytes.length / 8) + 1) * 8);
  bytes.copy(padded);
  padded[padded.length - 1] = bytes.length;
  for (let at = 0; at < padded.length; at += 8) {
    const word = padded.readBigUInt64LE(at);
    v[3] ^= word;
    for (let round = 0; round < rounds; round++) mix(v);
    v[0] ^= word;
  }
  v[2] ^= 0xffn;
  for (let round = 0; round < last; round++) mix(v);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

function mix(v: bigint[]): void {
  v[0] = (v[0] + v[1]) & mask;
  v[1] = rotate(v[1], 13n) ^ v[0];
  v[0] = rotate(v[0], 32n);
  v[2] = (v[2] + v[3]) & mask;
  v[3] = rotate(v[3], 16n) ^ v[2];
  v[0] = (v[0] + v[3]) & mask;
  v[3] = rotate(v[3], 21n) ^ v[0];
  v[2] = (v[2] + v[1]) & mask;
  v[1] = rotate(v[1], 17n) ^ v[2];
  v[2] = rotate(v[2], 32n);
}
