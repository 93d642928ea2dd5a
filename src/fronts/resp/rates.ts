import type { FrontState } from "./front-state.ts";

const SAMPLES = 16;

/** Commands and bytes per second over the last moments (INFO's `instantaneous_…`). */
export class Rates {
  readonly #operations = new Float64Array(SAMPLES);
  readonly #bytesIn = new Float64Array(SAMPLES);
  readonly #bytesOut = new Float64Array(SAMPLES);
  #at = 0;
  #last = { time: Date.now(), operations: 0, bytesIn: 0, bytesOut: 0 };

  sample(state: FrontState): void {
    const time = Date.now();
    const seconds = Math.max(0.001, (time - this.#last.time) / 1000);
    const index = this.#at++ % SAMPLES;
    this.#operations[index] = (state.commandsProcessed - this.#last.operations) / seconds;
    this.#bytesIn[index] = (state.bytesIn - this.#last.bytesIn) / seconds;
    this.#bytesOut[index] = (state.bytesOut - this.#last.bytesOut) / seconds;
    this.#last.time = time;
    this.#last.operations = state.commandsProcessed;
    this.#last.bytesIn = state.bytesIn;
    this.#last.bytesOut = state.bytesOut;
  }

  get operations(): number {
    return mean(this.#operations);
  }

  get bytesIn(): number {
    return mean(this.#bytesIn);
  }

  get bytesOut(): number {
    return mean(this.#bytesOut);
  }
}

function mean(samples: Float64Array): number {
  return samples.reduce((sum, sample) => sum + sample, 0) / samples.length;
}
