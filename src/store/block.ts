/**
 * Bytes with a lifetime. A block that is held stays whole, whatever the store evicts meanwhile, and
 * counts against its capacity: release it soon, by `using` or {@link Block.release}.
 */
export interface Block extends Disposable {
  /** The block's bytes, not a copy: valid until released, not to be written. */
  readonly bytes: Uint8Array;
  /** Milliseconds it had left when it was read, or `undefined` for no limit. */
  readonly ttlMs: number | undefined;
  /** Ends this hold. Further calls do nothing. */
  release(): void;
}
