/** Prompts that are remembered. */
const mostPrompts = 32;

/** The last prompts: where a new one leaves them, others will too, such as behind a document they share. */
export class RecentPrompts {
  readonly #prompts: (readonly number[])[] = [];

  /** How many leading tokens a prompt shares with any before it; then it is one of them. */
  add(tokens: readonly number[]): number {
    let shared = 0;
    for (let index = this.#prompts.length - 1; index >= 0; index--) {
      const prompt = this.#prompts[index];
      const common = commonTokens(prompt, tokens);
      shared = Math.max(shared, common);
      // What goes on takes the place of what it goes on from.
      if (common === prompt.length) this.#prompts.splice(index, 1);
    }
    this.#prompts.unshift(tokens);
    this.#prompts.length = Math.min(this.#prompts.length, mostPrompts);
    return shared;
  }
}

function commonTokens(one: readonly number[], other: readonly number[]): number {
  const most = Math.min(one.length, other.length);
  let common = 0;
  while (common < most && one[common] === other[common]) common++;
  return common;
}
