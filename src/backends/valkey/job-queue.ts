import { KeepwarmError } from "../../errors.ts";
import { Deadlines } from "./deadlines.ts";
import type { Job } from "./job.ts";

export interface QueueLimits {
  /** Most bytes of blocks that wait. */
  readonly queueBytes: number;
  /** Most calls that wait. */
  readonly queueCalls: number;
}

/**
 * Calls in order until a connection takes them or their time is over. Beyond its limits it gives up
 * the oldest write, and without one refuses what comes.
 */
export class JobQueue {
  readonly #limits: QueueLimits;
  readonly #label: string;
  readonly #jobs = new Set<Job>();
  readonly #deadlines = new Deadlines((now) => this.#expire(now));
  #bytes = 0;
  #dropped = 0;

  constructor(label: string, limits: QueueLimits) {
    this.#label = label;
    this.#limits = limits;
  }

  get length(): number {
    return this.#jobs.size;
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
    this.#jobs.add(job);
    this.#bytes += job.bytes;
    this.#deadlines.add(job.due);
    while (this.#jobs.size > this.#limits.queueCalls || this.#bytes > this.#limits.queueBytes) {
      const victim = this.#oldestWrite() ?? job;
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

  /** The oldest call, which leaves. */
  take(): Job | undefined {
    const [job] = this.#jobs;
    if (job !== undefined) this.remove(job);
    return job;
  }

  /** A call leaves that somebody no longer wants. */
  remove(job: Job): void {
    if (!this.#jobs.delete(job)) return;
    this.#bytes -= job.bytes;
    if (this.#jobs.size === 0) this.#deadlines.clear();
  }

  rejectAll(error: unknown): void {
    const jobs = [...this.#jobs];
    this.#jobs.clear();
    this.#bytes = 0;
    this.#deadlines.clear();
    for (const job of jobs) job.reject(error);
  }

  #oldestWrite(): Job | undefined {
    for (const job of this.#jobs) if (job.bytes > 0) return job;
    return undefined;
  }

  #expire(now: number): number {
    let next = Infinity;
    for (const job of this.#jobs) {
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
