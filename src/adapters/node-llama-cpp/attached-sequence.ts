import { Attachment, type AttachmentEvents } from "../shared/attachment.ts";
import type { KeepReport, ReuseReport } from "../shared/report.ts";
import { reuseReport } from "../shared/reuse-report.ts";
import { Evaluation } from "./evaluation.ts";
import { type OwnMethods, type RestoreOptions, SequenceCache } from "./sequence-cache.ts";
import type { AttachedSequence, LlamaSequenceLike } from "./types.ts";

/** Methods of a sequence that take part in moving its state, or must not go unnoticed. */
const replaced = [
  "adaptStateToTokens",
  "clearHistory",
  "eraseContextTokenRanges",
  "evaluate",
  "evaluateWithMetadata",
  "evaluateWithoutGeneratingNewTokens",
  "controlledEvaluate",
  "loadStateFromFile",
] as const;

/** What `controlledEvaluate` takes for a token: it, or it with what is asked about it. */
type ControlledInput = number | readonly [token: number, ...options: readonly unknown[]];

type Method = (...args: never[]) => unknown;
type Methods = Record<(typeof replaced)[number], Method>;

/** Why a sequence is not served. */
export interface Declined {
  readonly reason: "unsupported-model" | "unsupported-layout";
  /** For people. */
  readonly why: string;
}

/** The runtime's own methods of a sequence, whatever is put in their place later. */
export function ownMethodsOf(sequence: LlamaSequenceLike): OwnMethods {
  return {
    adaptStateToTokens: sequence.adaptStateToTokens.bind(sequence),
    clearHistory: sequence.clearHistory.bind(sequence),
    saveStateToFile: sequence.saveStateToFile.bind(sequence),
    loadStateFromFile: sequence.loadStateFromFile.bind(sequence),
  };
}

/** A sequence whose evaluations restore before they begin, and store when they have ended. */
export class SequenceAttachment<Sequence extends LlamaSequenceLike>
  extends Attachment
  implements AttachedSequence<Sequence>
{
  readonly sequence: Sequence;
  readonly #declined: Declined | undefined;
  readonly #cache: SequenceCache | undefined;
  /** Evaluations that are under way, one within the other. */
  #depth = 0;
  /** Tokens that the sequence will have had when it has been brought in line with a prompt, and no further. */
  #restoredFor = -1;

  /** @param served what moves the sequence's state, or why nothing does */
  constructor(sequence: Sequence, served: SequenceCache | Declined, events: AttachmentEvents) {
    const cache = served instanceof SequenceCache ? served : undefined;
    const declined = served instanceof SequenceCache ? undefined : served;
    super(declined?.why, events);
    this.sequence = sequence;
    this.#declined = declined;
    this.#cache = cache;
    if (cache !== undefined) this.#replaceMethods(cache);
  }

  async restore(
    tokens: readonly number[],
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<ReuseReport> {
    const cache = this.#cache;
    if (cache === undefined) {
      const began = performance.now();
      await this.sequence.adaptStateToTokens(tokens as never[], false);
      const residentTokens = this.sequence.nextTokenIndex;
      const reason = this.#declined?.reason;
      return this.reused(
        reuseReport({ promptTokens: tokens.length, residentTokens, began, reason }),
      );
    }
    return this.#restore(cache, tokens, { allowShift: false, signal });
  }

  async keep(): Promise<KeepReport> {
    if (this.#cache === undefined) return this.kept(this.notKept(0));
    return this.kept(await this.track(this.#cache.keep()));
  }

  override detach(): void {
    if (this.#cache !== undefined)
      for (const name of replaced) Reflect.deleteProperty(this.sequence, name);
    super.detach();
  }

  async #restore(
    cache: SequenceCache,
    tokens: readonly number[],
    options: RestoreOptions,
  ): Promise<ReuseReport> {
    const report = await cache.restore(tokens, options);
    this.#restoredFor = tokens.length;
    return this.reused(report);
  }

  #replaceMethods(cache: SequenceCache): void {
    const { sequence } = this;
    const own = Object.fromEntries(
      replaced.map((name) => [name, (Reflect.get(sequence, name) as Method).bind(sequence)]),
    ) as Methods;
    const changing =
      (method: Method, at: (...args: never[]) => number) =>
      async (...args: never[]): Promise<unknown> => {
        // Within an evaluation the runtime holds what saving would wait for.
        if (this.#depth === 0) await cache.saved();
        cache.cut(at(...args));
        this.#restoredFor = -1;
        return method(...args);
      };
    const replacements: Methods = {
      adaptStateToTokens: async (tokens: readonly number[], allowShift = true) => {
        await this.#restore(cache, tokens, { allowShift });
      },
      clearHistory: changing(own.clearHistory, () => 0),
      loadStateFromFile: changing(own.loadStateFromFile, () => 0),
      eraseContextTokenRanges: changing(
        own.eraseContextTokenRanges,
        (ranges: readonly { readonly start: number; readonly end: number }[]) =>
          Math.min(...ranges.map(({ start, end }) => Math.min(start, end))),
      ),
      evaluate: (...args: never[]) => this.#generate(cache, own.evaluate, args),
      evaluateWithMetadata: (...args: never[]) =>
        this.#generate(cache, own.evaluateWithMetadata, args),
      evaluateWithoutGeneratingNewTokens: (tokens: readonly number[], ...rest: never[]) =>
        this.#evaluate(cache, tokens, tokens.length, (left) =>
          own.evaluateWithoutGeneratingNewTokens(left as never, ...rest),
        ),
      // Whoever asks about single tokens of the prompt needs them evaluated.
      controlledEvaluate: (input: readonly ControlledInput[], ...rest: never[]) =>
        this.#evaluate(cache, input.map(tokenOf), 0, () =>
          own.controlledEvaluate(input as never, ...rest),
        ),
    };
    for (const name of replaced)
      Object.defineProperty(sequence, name, {
        value: replacements[name],
        configurable: true,
        writable: true,
      });
  }

  /** An evaluation whose tokens the caller takes one by one. */
  async *#generate(
    cache: SequenceCache,
    method: Method,
    [given, ...rest]: never[],
  ): AsyncGenerator<unknown, void, never> {
    const tokens = given as readonly number[];
    let evaluation: Evaluation | undefined;
    try {
      const left = await this.#begin(cache, tokens, tokens.length - 1);
      evaluation = new Evaluation(this.sequence, left.length);
      const inner = method(left as never, ...rest) as AsyncGenerator<unknown, void, never>;
      try {
        for (let answer = undefined as never; ;) {
          const { value, done } = await inner.next(answer);
          evaluation.step(done === true);
          if (done === true) return;
          answer = yield value;
        }
      } finally {
        await inner.return();
      }
    } finally {
      this.#end(cache, evaluation);
    }
  }

  /** An evaluation of `tokens`, of which as many as `most` may be restored. */
  async #evaluate(
    cache: SequenceCache,
    tokens: readonly number[],
    most: number,
    work: (left: readonly number[]) => unknown,
  ): Promise<unknown> {
    let evaluation: Evaluation | undefined;
    try {
      const left = await this.#begin(cache, tokens, most);
      evaluation = new Evaluation(this.sequence, left.length);
      const result = await work(left);
      evaluation.step(true);
      return result;
    } finally {
      this.#end(cache, evaluation);
    }
  }

  /** Restores what the store has of `tokens`, at most `most` of them; what is left to evaluate. */
  async #begin(
    cache: SequenceCache,
    tokens: readonly number[],
    most: number,
  ): Promise<readonly number[]> {
    this.#depth++;
    // The runtime calls itself: what is to be done is done, and waiting for it would be for ever.
    if (this.#depth > 1) return tokens;
    await cache.saved();
    const { contextTokens } = this.sequence;
    const whole = [...contextTokens, ...tokens];
    const wanted = whole.slice(0, contextTokens.length + most);
    const isInLine = this.#restoredFor === wanted.length;
    this.#restoredFor = -1;
    const isWorthAsking = most > 0 && !isInLine && tokens.length >= cache.minGainTokens;
    if (isWorthAsking) await this.restore(wanted);
    if (isWorthAsking || isInLine) cache.mark(whole.length - 1);
    this.#restoredFor = -1;
    return isWorthAsking ? whole.slice(this.sequence.nextTokenIndex) : tokens;
  }

  #end(cache: SequenceCache, evaluation: Evaluation | undefined): void {
    this.#depth--;
    if (this.#depth > 0 || evaluation === undefined) return;
    const { nextTokenIndex } = this.sequence;
    if (evaluation.moved) cache.cut(0);
    else cache.trust.grew(evaluation.before, nextTokenIndex);
    if (cache.hasNews) void this.keep();
  }
}

function tokenOf(item: ControlledInput): number {
  return typeof item === "number" ? item : item[0];
}
