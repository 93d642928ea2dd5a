// Python's pickle, protocol 5, of (prior, (token…), extra), as its C code writes it
//
//   80 05  frame…  in frames of 95, u64 length, opcodes; an object of which
//                  64 KiB or more are before it in its frame begins a new one
//   4b u8 | 4d u16 | 4a i32 | 8a length, bytes     an integer, least significant byte first
//   43 u8 bytes 94                                 bytes, kept
//   items 85|86|87 94, or 28 items 74 94           a tuple of 1 to 3 or more, kept; 29 when empty
//   4e  None       2e  end

const frameTarget = 64 * 1024;
const frameHead = 9;
const fullFrame = frameHead + frameTarget;
const maxInteger = 11;

/** By leading zeros of a number below 2^31: how many bytes it takes, and the opcode before them. */
const lengths = Uint8Array.from({ length: 33 }, (_, zeros) =>
  zeros < 16 ? 4 : zeros < 24 ? 2 : 1,
);
const opcodes = lengths.map((length) => (length === 4 ? 0x4a : length === 2 ? 0x4d : 0x4b));

/** Most bytes that `writePickle` needs. */
export function pickleLength(tokens: number): number {
  const bytes = tokens * 7 + 2 * maxInteger + 80;
  return 2 + bytes + frameHead * (2 + Math.ceil(bytes / frameTarget));
}

/** Writes the value that LMCache and vLLM hash under the names `sha256` and `xxhash`; returns its end. */
export function writePickle(
  target: Buffer,
  prior: Buffer,
  tokens: Uint32Array,
  from: number,
  to: number,
  extra: "tuple" | "none",
): number {
  const count = to - from;
  target[0] = 0x80;
  target[1] = 0x05;
  let frame = 2;
  let at = frame + frameHead;
  at = writePrior(target, at, prior);
  if (count > 3) target[at++] = 0x28;
  const view = new DataView(target.buffer, target.byteOffset, target.length);
  for (let index = from; index < to; index++) {
    if (at >= frame + fullFrame) {
      writeFrameHead(target, frame, at);
      frame = at;
      at += frameHead;
    }
    const token = tokens[index];
    const zeros = Math.clz32(token);
    if (zeros === 0) at = writeInteger(target, at, token);
    else {
      // Without a branch by length, which the processor could not foresee: four bytes are written,
      // those behind the token's own are overwritten by what follows.
      target[at] = opcodes[zeros];
      view.setUint32(at + 1, token, true);
      at += 1 + lengths[zeros];
    }
  }
  at = endTuple(target, at, count);
  if (at >= frame + fullFrame) {
    writeFrameHead(target, frame, at);
    frame = at;
    at += frameHead;
  }
  target[at++] = extra === "tuple" ? 0x29 : 0x4e;
  at = endTuple(target, at, 3);
  target[at++] = 0x2e;
  writeFrameHead(target, frame, at);
  return at;
}

/** Pickle of a text. */
export function pickleText(text: string): Buffer {
  const bytes = Buffer.from(text);
  const head = Buffer.from("80059500000000000000008c00", "hex");
  head.writeBigUInt64LE(BigInt(bytes.length + 4), 3);
  head.writeUInt8(bytes.length, head.length - 1);
  return Buffer.concat([head, bytes, Buffer.from("942e", "hex")]);
}

function writeFrameHead(target: Buffer, frame: number, end: number): void {
  target[frame] = 0x95;
  target.writeUInt32LE(end - frame - frameHead, frame + 1);
  target.writeUInt32LE(0, frame + 5);
}

function endTuple(target: Buffer, at: number, count: number): number {
  if (count === 0) {
    target[at] = 0x29;
    return at + 1;
  }
  target[at] = count > 3 ? 0x74 : 0x84 + count;
  target[at + 1] = 0x94;
  return at + 2;
}

function writePrior(target: Buffer, at: number, prior: Buffer): number {
  if (prior.length === 8) return writeUnsigned64(target, at, prior);
  target[at] = 0x43;
  target[at + 1] = prior.length;
  const end = at + 2 + prior.copy(target, at + 2);
  target[end] = 0x94;
  return end + 1;
}

function writeInteger(target: Buffer, at: number, value: number): number {
  if (value <= 0xff) {
    target[at] = 0x4b;
    target[at + 1] = value;
    return at + 2;
  }
  if (value <= 0xffff) {
    target[at] = 0x4d;
    target[at + 1] = value;
    target[at + 2] = value >>> 8;
    return at + 3;
  }
  if (value <= 0x7fffffff) {
    target[at] = 0x4a;
    return target.writeUInt32LE(value, at + 1);
  }
  target[at] = 0x8a;
  target[at + 1] = 5;
  target[target.writeUInt32LE(value, at + 2)] = 0;
  return at + 7;
}

/** An integer of 8 bytes, most significant first: reversed, as few bytes as keep it positive. */
function writeUnsigned64(target: Buffer, at: number, prior: Buffer): number {
  if (prior.readUInt32BE(0) === 0) return writeInteger(target, at, prior.readUInt32BE(4));
  let first = 0;
  while (prior[first] === 0) first++;
  const padding = prior[first] >= 0x80 ? 1 : 0;
  target[at] = 0x8a;
  target[at + 1] = 8 - first + padding;
  let end = at + 2;
  for (let index = 7; index >= first; index--) target[end++] = prior[index];
  if (padding === 1) target[end++] = 0;
  return end;
}
