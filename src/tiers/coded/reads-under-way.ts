/** Some reads of one call. */
export interface Reads {
  /** Whether the block at `index` has been outdated since the call began. */
  isOutdated(index: number): boolean;
  end(): void;
}

/** Knows of blocks that are being read whether something has outdated them meanwhile. */
export class ReadsUnderWay {
  /** Marks of the reads of a key, by keyspace and key. */
  readonly #marks = new Map<string, Set<Mark>>();

  begin(keys: readonly Uint8Array[], keyspace: number): Reads {
    const marks = keys.map((key) => ({ id: idOf(key, keyspace), isOutdated: false }));
    for (const mark of marks) {
      const others = this.#marks.get(mark.id);
      if (others === undefined) this.#marks.set(mark.id, new Set([mark]));
      else others.add(mark);
    }
    return {
      isOutdated: (index) => marks[index].isOutdated,
      end: () => {
        for (const mark of marks) this.#remove(mark);
      },
    };
  }

  /** The key has another value now, or none. */
  outdate(key: Uint8Array, keyspace: number): void {
    if (this.#marks.size === 0) return;
    for (const mark of this.#marks.get(idOf(key, keyspace)) ?? []) mark.isOutdated = true;
  }

  outdateAll(): void {
    for (const marks of this.#marks.values()) for (const mark of marks) mark.isOutdated = true;
  }

  #remove(mark: Mark): void {
    const others = this.#marks.get(mark.id);
    others?.delete(mark);
    if (others?.size === 0) this.#marks.delete(mark.id);
  }
}

interface Mark {
  readonly id: string;
  isOutdated: boolean;
}

function idOf(key: Uint8Array, keyspace: number): string {
  return `${keyspace} ${Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1")}`;
}
