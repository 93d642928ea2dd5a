import type { LlamaSequenceLike } from "./types.ts";

/** Watches whether a sequence only grows while it evaluates: else the runtime has moved tokens. */
export class Evaluation {
  readonly before: number;
  /** Whether tokens were taken out of the sequence's middle. */
  moved: boolean;
  readonly #sequence: LlamaSequenceLike;
  #last: number;

  constructor(sequence: LlamaSequenceLike, tokens: number) {
    this.#sequence = sequence;
    this.before = sequence.nextTokenIndex;
    this.#last = this.before;
    this.moved = this.before + tokens > sequence.contextSize - 1;
  }

  /** A token was evaluated; with the last step, maybe none. */
  step(isLast: boolean): void {
    const { nextTokenIndex } = this.#sequence;
    const grew = nextTokenIndex - this.#last;
    if (grew < 0 || (grew === 0 && !isLast)) this.moved = true;
    this.#last = nextTokenIndex;
  }
}
