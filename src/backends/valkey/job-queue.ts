import { KeepwarmError } from "../../errors.ts";
import { Deadlines } from "./deadlines.ts";
import type { Job } from "./job.ts";

export interface QueueLimits {
  /** Most bytes of blocks that wait. */
  readonly queueBytes: number;
  /** Most calls that wait. */
  readonly queueCalls: number;
}

/** After so many reads a write has its turn. */
const mostReadsInRow = 4;

/**
 * Calls until a connection takes them or their time is over, reads before writes. Beyond its limits it gives up
 * the oldest write, and without one refuses what comes.
 */
export class JobQueue {
  readonly #limits: QueueLimits;
  readonly #label: string;
  readonly #reads = new Set<Job>();
  readonly #writes = new Set<Job>();
  readonly #deadlines = new Deadlines((now) => this.#expire(now));
  #bytes = 0;
  #dropped = 0;
  /** Reads taken since the last write. */
  #readsInRow = 0;

  constructor(label: string, limits: QueueLimits) {
    this.#label = label;
    this.#limits = limits;
  }

  get length(): number {
    return this.#reads.size + this.#writes.size;
  }

  /** Bytes of blocks that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Writes given up for want of room. */
  get dropped(): number {
    return this.#dropped;
  }

  add(job: Job): void {
    (job.bytes > 0 ? this.#writes : this.#reads).add(job);
    this.#bytes += job.bytes;
    this.#deadlines.add(job.due);
    while (this.length > this.#limits.queueCalls || this.#bytes > this.#limits.queueBytes) {
      const victim = first(this.#writes) ?? job;
      if (victim.bytes > 0) this.#dropped++;
      this.remove(victim);
      victim.reject(
        new KeepwarmError("CONNECTION_FAILED", `too many calls wait for ${this.#label}`, {
          remedy: "Check whether the server keeps up; queueBytes and queueCalls bound what waits.",
        }),
      );
      if (victim === job) return;
    }
  }

  /**
   * The call whose turn it is, which leaves: the oldest read, since somebody waits for it, and
   * after some of them the oldest write.
   */
  take(): Job | undefined {
    const write = first(this.#writes);
    const read = write && this.#readsInRow >= mostReadsInRow ? undefined : first(this.#reads);
    const job = read ?? write;
    this.#readsInRow = job === read ? this.#readsInRow + 1 : 0;
    if (job !== undefined) this.remove(job);
    return job;
  }

  /** A call leaves that somebody no longer wants. */
  remove(job: Job): void {
    if (!this.#reads.delete(job) && !this.#writes.delete(job)) return;
    this.#bytes -= job.bytes;
    if (this.length === 0) this.#deadlines.clear();
  }

  rejectAll(error: unknown): void {
    const jobs = [...this.#reads, ...this.#writes];
    this.#reads.clear();
    this.#writes.clear();
    this.#bytes = 0;
    this.#deadlines.clear();
    for (const job of jobs) job.reject(error);
  }

  #expire(now: number): number {
    let next = Infinity;
    for (const job of [...this.#reads, ...this.#writes]) {
      if (job.due > now) next = Math.min(next, job.due);
      else {
        this.remove(job);
        job.reject(
          new KeepwarmError("TIMEOUT", `${this.#label} had no free connection in time`, {
            remedy: "Check that the server keeps up, or allow more time with a longer deadline.",
          }),
        );
      }
    }
    return next;
  }
}

function first(jobs: ReadonlySet<Job>): Job | undefined {
  for (const job of jobs) return job;
  return undefined;
}
