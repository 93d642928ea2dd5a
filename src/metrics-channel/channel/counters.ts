/** What this end of a channel has done since it began. */
export interface ChannelStats {
  /** Samples that the server has acknowledged. */
  readonly pushed: number;
  /** Pushed samples whose step was there already: another rank's, or a repeated write. */
  readonly duplicates: number;
  /** Samples that the server did not acknowledge in time, or refused. */
  readonly failed: number;
  /** Samples given up unsent, since too many waited. */
  readonly dropped: number;
  /** Samples that wait to be acknowledged now. */
  readonly waiting: number;
  /** Samples that were read. */
  readonly drained: number;
  /** Expected samples that were not there. */
  readonly gaps: number;
  /** Those of the gaps whose whole request had gone, though this end had seen samples of it. */
  readonly expired: number;
  /** Fields that were no samples. */
  readonly damaged: number;
  /** Keys without an expiry that the janitor gave one. */
  readonly orphans: number;
  /** What went wrong last. */
  readonly lastError: string | undefined;
}

/** The counters behind {@link ChannelStats}. */
export class ChannelCounters implements ChannelStats {
  pushed = 0;
  duplicates = 0;
  failed = 0;
  dropped = 0;
  waiting = 0;
  drained = 0;
  gaps = 0;
  expired = 0;
  damaged = 0;
  orphans = 0;
  lastError: string | undefined;

  note(error: unknown): void {
    this.lastError = error instanceof Error ? error.message : String(error);
  }
}
