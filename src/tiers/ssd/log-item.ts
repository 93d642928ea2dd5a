/** Where a value that is to be written lies. */
export interface ValueSource {
  /** The value's bytes. */
  readonly value: Buffer;
  /** Whole pages that the value lies in, if they hold nothing else; small values have none. */
  readonly pages: Buffer | undefined;
  /** Where in {@link pages} the value begins. */
  readonly offset: number;
  /** The value is written or given up: its memory may be used again. */
  release(): void;
}

/** One record on its way to the log, with its value if it has one. */
export interface LogItem {
  readonly kind: number;
  readonly keyspace: number;
  readonly key: Buffer;
  readonly flags: number;
  readonly version: number;
  readonly expiresAt: number;
  /** The index row that waits for the value; 0 if none does. */
  readonly row: number;
  readonly source: ValueSource | undefined;
  /** Of the value, made when it is given: not for a whole frame at a time, which would hold up others. */
  readonly checksum: bigint;
  /** Number of the segment that the value is moved from, or -1 for one that is new. */
  readonly movedFrom: number;
  /** Counts all items in the order in which they were given. */
  readonly sequence: number;
  /** Called when the item is written (true) or lost (false). */
  readonly done: ((written: boolean) => void) | undefined;
  attempts: number;
}
