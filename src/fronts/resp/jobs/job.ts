/** What a job does to each block that it is for. */
export const jobKinds = ["clear", "warm", "demote", "compress", "decompress"] as const;

export type JobKind = (typeof jobKinds)[number];

export type JobState = "running" | "done" | "cancelled" | "failed";

/** A job as clients see it. Times are milliseconds since 1970. */
export interface JobReport {
  readonly id: string;
  readonly kind: JobKind;
  readonly state: JobState;
  readonly dryRun: boolean;
  readonly startedAt: number;
  /** Absent while it runs. */
  readonly endedAt?: number;
  /** Blocks that were looked at, and those that were chosen. */
  readonly scanned: number;
  readonly chosen: number;
  /** Blocks that it did something for; with `dryRun` those that it would have. */
  readonly done: number;
  /** Their bytes, before and after. */
  readonly bytes: number;
  readonly bytesAfter: number;
  /** Blocks that were left as they are, by reason. */
  readonly asIs: Readonly<Record<string, number>>;
  /** Blocks that it could not do it for, by reason. */
  readonly failed: Readonly<Record<string, number>>;
  /** What ended it early. */
  readonly error?: string;
}

/** What became of one block. */
export type BlockOutcome =
  | { readonly status: "done"; readonly bytes: number; readonly bytesAfter: number }
  | { readonly status: "as-is" | "failed"; readonly why: string };

/** A long operation over many blocks, of which clients can ask how far it is. */
export class Job {
  readonly id: string;
  readonly kind: JobKind;
  readonly dryRun: boolean;
  readonly #now: () => number;
  readonly #stop = new AbortController();
  readonly #startedAt: number;
  readonly #asIs: Record<string, number> = {};
  readonly #failed: Record<string, number> = {};
  #state: JobState = "running";
  #endedAt: number | undefined;
  #done = 0;
  #bytes = 0;
  #bytesAfter = 0;
  #error: string | undefined;
  scanned = 0;
  chosen = 0;

  constructor(id: string, kind: JobKind, dryRun: boolean, now: () => number) {
    this.id = id;
    this.kind = kind;
    this.dryRun = dryRun;
    this.#now = now;
    this.#startedAt = now();
  }

  get isRunning(): boolean {
    return this.#state === "running";
  }

  /** Aborted when the job shall end early. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  count(outcome: BlockOutcome): void {
    if (outcome.status === "done") {
      this.#done++;
      this.#bytes += outcome.bytes;
      this.#bytesAfter += outcome.bytesAfter;
      return;
    }
    const counts = outcome.status === "failed" ? this.#failed : this.#asIs;
    counts[outcome.why] = (counts[outcome.why] ?? 0) + 1;
  }

  /** Lets it end after the block under way. */
  cancel(): void {
    this.#stop.abort();
  }

  end(error?: unknown): void {
    this.#endedAt = this.#now();
    this.#state = this.signal.aborted ? "cancelled" : error === undefined ? "done" : "failed";
    if (this.#state === "failed")
      this.#error = error instanceof Error ? error.message : String(error);
  }

  report(): JobReport {
    return {
      id: this.id,
      kind: this.kind,
      state: this.#state,
      dryRun: this.dryRun,
      startedAt: this.#startedAt,
      ...(this.#endedAt !== undefined && { endedAt: this.#endedAt }),
      scanned: this.scanned,
      chosen: this.chosen,
      done: this.#done,
      bytes: this.#bytes,
      bytesAfter: this.#bytesAfter,
      asIs: this.#asIs,
      failed: this.#failed,
      ...(this.#error !== undefined && { error: this.#error }),
    };
  }
}
