import type { RecordFields } from "./record.ts";

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
  /** Of the value; `undefined`: made while the disk has the value already. */
  checksum: bigint | undefined;
  /** Number of the segment that the value is moved from, or -1 for one that is new. */
  readonly movedFrom: number;
  /** Counts all items in the order in which they were given. */
  readonly sequence: number;
  /** Called when the item is written (true) or lost (false). */
  readonly done: ((written: boolean) => void) | undefined;
  attempts: number;
  /** Where the value begins, in bytes from the begin of the frame that was made last with it. */
  position: number;
}

/** What a frame's header says of the item, or, when the frame begins at `start`, its segment's footer. */
export function recordOf(item: LogItem, start: number): Omit<RecordFields, "keyStart" | "keyEnd"> {
  const { source } = item;
  return {
    ...item,
    checksum: item.checksum ?? 0n,
    valueLength: source?.value.length ?? 0,
    position: source === undefined ? 0 : start + item.position,
  };
}
