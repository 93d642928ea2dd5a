/** A time in which the process could do nothing, since it or the machine was busy. */
export interface Blockage {
  readonly from: number;
  readonly to: number;
}

/** Milliseconds of the machine's clock, which all processes share. */
export function now(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

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
    this.#beat();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#look(now());
  }

  #beat(): void {
    const at = now();
    this.#look(at);
    this.#due = at + intervalMs;
    this.#timer = setTimeout(() => this.#beat(), intervalMs);
  }

  #look(at: number): void {
    if (at - this.#due > noticedMs) this.blockages.push({ from: this.#due, to: at });
  }
}
