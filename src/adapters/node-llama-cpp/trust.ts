/**
 * Which leading tokens of a sequence are as an evaluation in one go would have left them. When tokens are
 * taken out of the middle, the runtime moves those behind them, which is not the same.
 */
export class Trust {
  #tokens = 0;

  /** Leading tokens that can be stored. */
  get tokens(): number {
    return this.#tokens;
  }

  /** The sequence had `before` tokens and now has `after`, the others in front unchanged. */
  grew(before: number, after: number): void {
    if (this.#tokens === before) this.#tokens = after;
  }

  /** From this token on, something was taken out or is not known. */
  cut(at: number): void {
    this.#tokens = Math.min(this.#tokens, at);
  }

  /** The sequence has these tokens, and they are right. */
  restored(tokens: number): void {
    this.#tokens = tokens;
  }
}
