import { now, type Blockage } from "./record.ts";

const intervalMs = 5;
/** Timers of a process with time to spare are less late. */
const noticedMs = 10;

/** Notices when the event loop stood still. */
export class Heartbeat {
  readonly blockages: Blockage[] = [];
  #due = 0;
  #timer: NodeJS.Timeout | undefined;

  start(): void {
    this.#due = now();
    const beat = () => {
      const at = now();
      if (at - this.#due > noticedMs) this.blockages.push({ from: this.#due, to: at });
      this.#due = at + intervalMs;
      this.#timer = setTimeout(beat, intervalMs);
    };
    beat();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
