/** What an lm front counts since its start; `clients.connected` is now. */
export interface LmStats {
  readonly clients: { readonly connected: number; readonly max: number; readonly rejected: number };
  /** Blocks asked for, and how that went. */
  readonly gets: number;
  readonly hits: number;
  readonly misses: number;
  /** Questions whether a block is there. */
  readonly exists: number;
  /** Values that clients sent, and those of them that were not kept. */
  readonly puts: number;
  readonly dropped: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly protocolErrors: number;
}
