import type { Logger } from "../../observe/logger.ts";

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;
/** Failures in a row before the disk is left alone for a while. */
const PATIENCE = 3;

/** What the disk does for us: each is in order or not by itself. */
type Work = "reading" | "writing" | "syncing";

/**
 * Whether the disk can be trusted with work. After some failures in a row it is left alone for a
 * while, twice as long each time; the next work after that is a trial.
 */
export class Health {
  readonly #logger: Logger;
  readonly #now: () => number;
  readonly #directory: string;
  /** What went wrong last, until the same goes well again. */
  readonly #alarms = new Map<Work, string>();
  errors = 0;
  #inARow = 0;
  #pauseMs = FIRST_PAUSE_MS;
  #pausedUntil = 0;

  constructor(directory: string, logger: Logger, now: () => number) {
    this.#directory = directory;
    this.#logger = logger;
    this.#now = now;
  }

  /** What goes wrong now. */
  get alarm(): string | undefined {
    const { value } = this.#alarms.values().next();
    return value;
  }

  /** Whether the disk is left alone now. */
  get isPaused(): boolean {
    return this.#pausedUntil > this.#now();
  }

  /** How long the disk is still to be left alone, in ms. */
  get pauseLeftMs(): number {
    return Math.max(1, this.#pausedUntil - this.#now());
  }

  /** Something was written. */
  succeeded(): void {
    this.#inARow = 0;
    this.#pauseMs = FIRST_PAUSE_MS;
    this.#pausedUntil = 0;
    this.#clear("writing");
  }

  readSucceeded(): void {
    this.#clear("reading");
  }

  syncSucceeded(): void {
    this.#clear("syncing");
  }

  /** A read failed: reported, but no reason to stop writing. */
  readFailed(error: unknown): void {
    this.errors++;
    this.#raise("reading", "reading failed", error);
  }

  /** A sync failed: what it was to make safe may be lost, but writing goes on. */
  syncFailed(error: unknown): void {
    this.errors++;
    this.#raise("syncing", "syncing failed", error);
  }

  /** Something could not be written. */
  failed(what: string, error: unknown): void {
    this.errors++;
    this.#inARow++;
    this.#raise("writing", what, error);
    if (this.#inARow < PATIENCE) return;
    this.#pausedUntil = this.#now() + this.#pauseMs;
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
  }

  #clear(work: Work): void {
    if (!this.#alarms.delete(work) || this.#alarms.size > 0) return;
    this.#logger.info({ directory: this.#directory }, "the SSD tier works again");
  }

  #raise(work: Work, what: string, error: unknown): void {
    const reason =
      (error as NodeJS.ErrnoException).code === "ENOSPC"
        ? "no space left on the disk"
        : (error as Error).message;
    const alarm = `${what}: ${reason}`;
    if (alarm !== this.#alarms.get(work))
      this.#logger.error({ directory: this.#directory, error }, alarm);
    this.#alarms.set(work, alarm);
  }
}
