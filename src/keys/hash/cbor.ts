// Canonical CBOR (RFC 8949, 4.2.1) of [prior, [token…], extra]
//
//   83  prior  head(tokens)  token…  extra
//   prior  an unsigned integer, or 58 20 and the 32 bytes of a digest
//   extra  80 (no entries) or f6 (null)

const maxHead = 9;

/** By leading zeros of a 32-bit number: how many bytes it takes, and the initial byte before them. */
const lengths = Uint8Array.from({ length: 33 }, (_, zeros) =>
  zeros < 16 ? 4 : zeros < 24 ? 2 : 1,
);
const heads = lengths.map((length) => (length === 4 ? 0x1a : length === 2 ? 0x19 : 0x18));

/** Most bytes that `writeCbor` needs. */
export function cborLength(tokens: number): number {
  return 1 + (maxHead + 64) + maxHead + tokens * 5 + 4;
}

/** Writes the value that LMCache and vLLM hash under the names `…_cbor`; returns its end. */
export function writeCbor(
  target: Buffer,
  prior: Buffer,
  tokens: Uint32Array,
  from: number,
  to: number,
  extra: "tuple" | "none",
): number {
  target[0] = 0x83;
  let at = writePrior(target, 1, prior);
  at = writeHead(target, at, 0x80, to - from);
  const view = new DataView(target.buffer, target.byteOffset, target.length);
  for (let index = from; index < to; index++) {
    const token = tokens[index];
    if (token < 0x18) target[at++] = token;
    else {
      // Without a branch by length, which the processor could not foresee: four bytes are written,
      // those behind the token's own are overwritten by what follows.
      const zeros = Math.clz32(token);
      const length = lengths[zeros];
      target[at] = heads[zeros];
      view.setUint32(at + 1, token << (32 - 8 * length));
      at += 1 + length;
    }
  }
  target[at] = extra === "tuple" ? 0x80 : 0xf6;
  return at + 1;
}

/** CBOR of a text. */
export function cborText(text: string): Buffer {
  const bytes = Buffer.from(text);
  const target = Buffer.alloc(maxHead + bytes.length);
  const at = writeHead(target, 0, 0x60, bytes.length);
  return target.subarray(0, at + bytes.copy(target, at));
}

function writePrior(target: Buffer, at: number, prior: Buffer): number {
  if (prior.length !== 8) {
    const start = writeHead(target, at, 0x40, prior.length);
    return start + prior.copy(target, start);
  }
  const high = prior.readUInt32BE(0);
  if (high === 0) return writeHead(target, at, 0, prior.readUInt32BE(4));
  target[at] = 0x1b;
  return at + 1 + prior.copy(target, at + 1);
}

/** The initial bytes of an item: its major type and a number below 2^32. */
function writeHead(target: Buffer, at: number, major: number, value: number): number {
  if (value < 0x18) return target.writeUInt8(major | value, at);
  if (value <= 0xff) return target.writeUInt8(value, target.writeUInt8(major | 0x18, at));
  if (value <= 0xffff) return target.writeUInt16BE(value, target.writeUInt8(major | 0x19, at));
  return target.writeUInt32BE(value, target.writeUInt8(major | 0x1a, at));
}
