import type { Call } from "../commands.ts";
import type { Place } from "../waiting.ts";

/** A block's key and the keyspace it belongs to. */
export interface BlockKey {
  readonly key: Uint8Array;
  readonly keyspace: number;
}

/** A value that was read. */
export interface Found {
  /** The block's bytes, within what `place` gave. */
  readonly value: Uint8Array;
  /** What `place` gave. */
  readonly memory: Uint8Array;
  /** Milliseconds it had left; nothing for no limit. */
  readonly ttlMs: number | undefined;
}

/** `refused`: its memory was not given; `damaged`: it is there and not what it should be. */
export type NotFound = "absent" | "refused" | "damaged";

export interface Write extends BlockKey {
  readonly parts: readonly Uint8Array[];
  /** Bytes of all parts. */
  readonly bytes: number;
  readonly ttlMs: number | undefined;
  readonly ifAbsent: boolean;
}

/** How blocks lie on the servers: under which names, as which bytes. */
export interface Layout {
  /** Most bytes that it adds to a block. */
  readonly overheadBytes: number;
  /** Whether more than the block lands in the memory that `place` gives. */
  readonly framed: boolean;
  read(key: BlockKey, place: Place, call: Call): Promise<Found | NotFound>;
  write(block: Write, call: Call): Promise<"stored" | "exists">;
  /** What has to exist for the block to be there. */
  presence(key: BlockKey): readonly Buffer[];
  /** What goes when the block is deleted; the first was there if the block was. */
  removal(key: BlockKey): readonly Buffer[];
  /** The name whose length and time to live are the block's. */
  valueName(key: BlockKey): Buffer;
  /** Length of the block whose value has `stored` bytes. */
  blockBytes(stored: number, key: BlockKey): number;
  /** What SCAN has to match to find the blocks whose keys begin with `prefix`. */
  pattern(prefix: Uint8Array, keyspace: number): Buffer;
  /** The block that SCAN found by this name; nothing when it is not one of them. */
  listed(name: Buffer, keyspace: number): BlockKey | undefined;
}
