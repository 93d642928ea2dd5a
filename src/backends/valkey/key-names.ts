/** Before the number of a keyspace. Keys of keyspace 0 stay as they are unless they begin like this. */
const marker = Buffer.from([0, 0x6b, 0x73]);

/**
 * What a block is called on the server: prefix, keyspace when it is not the first, key, all of it
 * between `before` and `after`.
 */
export class KeyNames {
  readonly #before: Buffer;
  readonly #after: Buffer;

  constructor(before: string, after: string = "") {
    this.#before = Buffer.from(before);
    this.#after = Buffer.from(after);
  }

  name(key: Uint8Array, keyspace: number): Buffer {
    const plain = keyspace === 0 && !startsWith(key, marker);
    const space = plain ? [] : [marker, Uint8Array.of(keyspace)];
    return Buffer.concat([this.#before, ...space, key, this.#after]);
  }

  /** The block's key in `keyspace`; nothing for other names. */
  key(name: Buffer, keyspace: number): Buffer | undefined {
    const { length } = this.#before;
    const end = name.length - this.#after.length;
    if (end <= length || !startsWith(name, this.#before)) return undefined;
    if (!name.subarray(end).equals(this.#after)) return undefined;
    const rest = name.subarray(length, end);
    if (!startsWith(rest, marker)) return keyspace === 0 ? rest : undefined;
    if (rest.length <= marker.length + 1 || rest[marker.length] !== keyspace) return undefined;
    return rest.subarray(marker.length + 1);
  }

  /** Patterns for SCAN that match all names of keys that begin with `prefix`, and few others. */
  pattern(prefix: Uint8Array, keyspace: number): Buffer {
    const plain = keyspace === 0;
    const space = plain ? [] : [marker, Uint8Array.of(keyspace)];
    // A short prefix may be that of a marked key as well.
    const all = plain && startsWith(marker, prefix) ? [] : [...space, prefix];
    const begin = escapeGlob(Buffer.concat([this.#before, ...all]));
    return Buffer.concat([begin, Buffer.from("*"), escapeGlob(this.#after)]);
  }
}

/** Whether `bytes` begins with `start`. */
export function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  if (bytes.length < start.length) return false;
  for (let i = 0; i < start.length; i++) if (bytes[i] !== start[i]) return false;
  return true;
}

const special = new Set(Buffer.from("*?[]\\^-"));

function escapeGlob(bytes: Uint8Array): Buffer {
  const escaped: number[] = [];
  for (const byte of bytes) {
    if (special.has(byte)) escaped.push(0x5c);
    escaped.push(byte);
  }
  return Buffer.from(escaped);
}
