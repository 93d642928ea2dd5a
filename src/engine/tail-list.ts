// Which tails are stored behind a chunk, newest first: u32 tokens, 32 bytes of hash, for each.

const entryBytes = 36;
/** Tails that are remembered for one chunk. */
const mostTails = 16;

/** A tail: how many tokens it has, and the hash of the prompt up to its end. */
export interface TailEntry {
  readonly tokens: number;
  readonly digest: Buffer;
}

/** What a value of the store says; what does not look like a list is an empty one. */
export function readTails(value: Uint8Array | undefined): TailEntry[] {
  if (value === undefined || value.length % entryBytes !== 0) return [];
  const bytes = Buffer.from(value);
  return Array.from({ length: bytes.length / entryBytes }, (_, index) => ({
    tokens: bytes.readUInt32LE(index * entryBytes),
    digest: bytes.subarray(index * entryBytes + 4, (index + 1) * entryBytes),
  }));
}

export function writeTails(tails: readonly TailEntry[]): Buffer {
  const bytes = Buffer.alloc(tails.length * entryBytes);
  for (const [index, { tokens, digest }] of tails.entries()) {
    bytes.writeUInt32LE(tokens, index * entryBytes);
    digest.copy(bytes, index * entryBytes + 4);
  }
  return bytes;
}

/** The list with `added` in front, at most as long as lists get. */
export function withTails(tails: readonly TailEntry[], added: readonly TailEntry[]): TailEntry[] {
  const isNew = ({ digest }: TailEntry): boolean =>
    !added.some((other) => other.digest.equals(digest));
  return [...added, ...tails.filter(isNew)].slice(0, mostTails);
}
