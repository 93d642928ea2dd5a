/** Blocks whose bytes tell whose they are, for which key, and how many went before. */

/** The lengths that keys have in turn. */
const lengths = [64, 128, 64, 256, 64, 512, 128, 1024].map((kib) => kib * 1024);
/** Keys of each client. */
export const keyCount = 48;
/** Clients that can be told apart. */
const clientCount = 8;

/** Versions of a key until the first one comes again. */
const versions = 512;
const windowStep = 64;
const windows = versions * clientCount * keyCount;
const multiplier = 2_654_435_761;
/** `multiplier` times this is 1 in 32 bits. */
const inverse = 244_002_641;

/** Words that tell their own position; every block is a window into it, so that none takes memory. */
const pattern = makePattern(windows * windowStep + Math.max(...lengths));

function makePattern(bytes: number): Buffer {
  const words = new Uint32Array(bytes / 4);
  for (let at = 0; at < words.length; at++) words[at] = Math.imul(at, multiplier);
  return Buffer.from(words.buffer);
}

/** The blocks of one client. */
export class Blocks {
  readonly #client: number;
  readonly #prefix: string;

  constructor(client: number, prefix: string) {
    this.#client = client;
    this.#prefix = prefix;
  }

  key(index: number): string {
    return `${this.#prefix}:${index}`;
  }

  /** The block that is stored under a key as the `version`th one. */
  make(index: number, version: number): Buffer {
    const window = ((version % versions) * clientCount + this.#client) * keyCount + index;
    const from = window * windowStep;
    return pattern.subarray(from, from + lengthOf(index));
  }

  /** Which version of the key's block these bytes are; `undefined` when a single one is wrong. */
  versionOf(index: number, bytes: Uint8Array): number | undefined {
    if (bytes.length !== lengthOf(index)) return undefined;
    const first = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
    const window = ((Math.imul(first, inverse) >>> 0) * 4) / windowStep;
    const version = Math.floor(window / keyCount / clientCount);
    const right = Number.isInteger(window) && window < windows;
    return right && this.make(index, version).equals(bytes) ? version : undefined;
  }
}

function lengthOf(index: number): number {
  return lengths[index % lengths.length];
}
