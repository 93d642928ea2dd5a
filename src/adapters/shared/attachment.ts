import type { KeepReport, ReuseReport } from "./report.ts";
import type { Attached } from "./types.ts";

/** How a cache hears of what it serves. */
export interface AttachmentEvents {
  readonly onReuse: (report: ReuseReport) => void;
  readonly onKeep: (report: KeepReport) => void;
  readonly onDetach: () => void;
}

/** What a cache serves: the reports of its last prompt, and what waits to be stored. */
export abstract class Attachment implements Attached {
  readonly declined: string | undefined;
  lastReuse: ReuseReport | undefined;
  lastKeep: KeepReport | undefined;
  readonly #events: AttachmentEvents;
  readonly #pending = new Set<Promise<unknown>>();

  /** @param declined why it is not served, if it is not */
  constructor(declined: string | undefined, events: AttachmentEvents) {
    this.declined = declined;
    this.#events = events;
  }

  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending);
  }

  detach(): void {
    this.#events.onDetach();
  }

  protected reused(report: ReuseReport): ReuseReport {
    this.lastReuse = report;
    this.#events.onReuse(report);
    return report;
  }

  protected kept(report: KeepReport): KeepReport {
    this.lastKeep = report;
    this.#events.onKeep(report);
    return report;
  }

  /** The report when what is not served is to be stored. */
  protected notKept(tokens: number): KeepReport {
    const times = { saveMs: 0, totalMs: 0 };
    const reason = this.declined;
    return { status: "SKIPPED", tokens, storedTokens: 0, storedBytes: 0, times, reason };
  }

  /** Work that {@link settled} waits for. */
  protected async track<T>(work: Promise<T>): Promise<T> {
    this.#pending.add(work);
    try {
      return await work;
    } finally {
      this.#pending.delete(work);
    }
  }
}
