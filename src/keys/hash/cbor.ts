// Canonical CBOR (RFC 8949, 4.2.1) of [prior, [token…], extra]
//
//   83  prior  head(tokens)  token…  extra
//   prior  an unsigned integer, or 58 20 and the 32 bytes of a digest
//   extra  80 (no entries) or f6 (null)

const maxHead = 9;

/** Most bytes that `writeCbor` needs. */
export function cborLength(tokens: number): number {
  return 1 + (maxHead + 64) + maxHead + tokens * 5 + 1;
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
  for (let index = from; index < to; index++) {
    const token = tokens[index];
    if (token < 0x18) target[at++] = token;
    else if (token > 0xffff) {
      target[at] = 0x1a;
      target[at + 1] = token >>> 24;
      target[at + 2] = token >>> 16;
      target[at + 3] = token >>> 8;
      target[at + 4] = token;
      at += 5;
    } else if (token > 0xff) {
      target[at] = 0x19;
      target[at + 1] = token >>> 8;
      target[at + 2] = token;
      at += 3;
    } else {
      target[at] = 0x18;
      target[at + 1] = token;
      at += 2;
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
