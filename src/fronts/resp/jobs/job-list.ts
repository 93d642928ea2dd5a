import { setImmediate as nextTurn } from "node:timers/promises";
import type { FrontState } from "../front-state.ts";
import { Job, type JobKind, type JobReport } from "./job.ts";
import { type Selection, selected } from "./selection.ts";
import { type Encoding, type Work, workOf } from "./work.ts";

/** Jobs that run at a time. */
const MOST_RUNNING = 4;
/** Ended jobs that are remembered. */
const MOST_ENDED = 64;
/** How long a job may work before others have their turn, in ms. */
const SLICE_MS = 4;

export interface JobOrder {
  readonly kind: JobKind;
  readonly selection: Selection;
  /** Look only. */
  readonly dryRun: boolean;
  /** For `compress`: instead of the rules of the configuration. */
  readonly encoding?: Encoding;
}

/** Long operations of one front, those that run and the last that ended. */
export class JobList {
  readonly #front: FrontState;
  readonly #jobs = new Map<string, Job>();
  #nextId = 1;

  constructor(front: FrontState) {
    this.#front = front;
  }

  /** Begins one; a sentence when that cannot be. */
  start({ kind, selection, dryRun, encoding }: JobOrder): Job | string {
    const running = [...this.#jobs.values()].filter(({ isRunning }) => isRunning);
    if (running.length >= MOST_RUNNING) return `${MOST_RUNNING} jobs run already`;
    const work = workOf(this.#front, kind, selection.keyspace, encoding);
    if (typeof work === "string") return work;
    const job = new Job(String(this.#nextId++), kind, dryRun, () => this.#front.now());
    this.#jobs.set(job.id, job);
    this.#forgetOldest();
    void this.#run(job, selection, work).then(
      () => job.end(),
      (error: unknown) => job.end(error),
    );
    return job;
  }

  find(id: string): Job | undefined {
    return this.#jobs.get(id);
  }

  /** All that are known, the latest last. */
  list(): JobReport[] {
    return [...this.#jobs.values()].map((job) => job.report());
  }

  /** Ends all that run. */
  cancelAll(): void {
    for (const job of this.#jobs.values()) if (job.isRunning) job.cancel();
  }

  async #run(job: Job, selection: Selection, { isAbout, isFor, run }: Work): Promise<void> {
    let sliceEnd = performance.now() + SLICE_MS;
    for await (const { scanned, rows } of selected(this.#front, selection)) {
      job.scanned += scanned;
      for (const row of rows) {
        if (job.signal.aborted) return;
        if (selection.keys === undefined && isAbout?.(row) === false) continue;
        job.chosen++;
        if (job.dryRun || !isFor(row))
          job.count(
            isFor(row)
              ? { status: "done", bytes: row.bytes, bytesAfter: row.bytes }
              : { status: "as-is", why: row.tier === "" ? "gone" : "nothing-to-do" },
          );
        else job.count(await run(row));
        if (performance.now() < sliceEnd) continue;
        await nextTurn();
        sliceEnd = performance.now() + SLICE_MS;
      }
    }
  }

  #forgetOldest(): void {
    const ended = [...this.#jobs.values()].filter(({ isRunning }) => !isRunning);
    for (const { id } of ended.slice(0, Math.max(0, ended.length - MOST_ENDED)))
      this.#jobs.delete(id);
  }
}
