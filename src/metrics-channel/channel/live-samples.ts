import type { ChannelCounters } from "./counters.ts";
import { Gaps } from "./gaps.ts";
import { Pause } from "./pause.ts";
import type { SampleReader } from "./reader.ts";
import type { TokenSample } from "./sample.ts";

export interface FollowOptions {
  /** How many samples there will be. Default what the writer says with `finish`. */
  readonly expected?: number | undefined;
  /** Milliseconds to wait for a step when later ones are there; then it is a gap. Default 1000. */
  readonly gapWaitMs?: number | undefined;
  /** Milliseconds without any sample after which the iteration ends. Default 30,000. */
  readonly idleMs?: number | undefined;
  /** Ends the iteration with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

const window = 64;

/**
 * The samples of one request while they are made, in the order of their steps. Iterate once. When the
 * last has come, they are removed from the server.
 *
 * @example
 * ```ts
 * const live = channel.follow(request);
 * for await (const { step, entropy } of live) console.log(step, entropy);
 * if (!live.complete) console.warn("missing:", live.missing);
 * ```
 */
export class LiveSamples implements AsyncIterable<TokenSample> {
  readonly #request: string;
  readonly #reader: SampleReader;
  readonly #counters: ChannelCounters;
  readonly #options: FollowOptions;
  readonly #gaps = new Gaps();
  #expected: number | undefined;
  #complete = false;

  /** @internal Use `MetricsChannel.follow`. */
  constructor(
    request: string,
    reader: SampleReader,
    counters: ChannelCounters,
    options: FollowOptions,
  ) {
    this.#request = request;
    this.#reader = reader;
    this.#counters = counters;
    this.#options = options;
    this.#expected = options.expected;
  }

  /** Steps that did not come, at most the first 100,000. */
  get missing(): readonly number[] {
    return this.#gaps.listed;
  }

  /** Whether the iteration has reached the expected count and nothing was missing. */
  get complete(): boolean {
    return this.#complete;
  }

  /** @throws KeepwarmError when the server cannot be asked; the signal's reason */
  async *[Symbol.asyncIterator](): AsyncGenerator<TokenSample, void, void> {
    const { gapWaitMs = 1000, idleMs = 30_000, signal } = this.#options;
    let next = 0;
    let lastAt = performance.now();
    let lookedAt = lastAt;
    const pause = new Pause(signal);
    for (;;) {
      signal?.throwIfAborted();
      const { samples, count } = await this.#reader.peek(this.#request, next, window);
      this.#expected ??= count;
      const end = this.#expected ?? Infinity;
      const before = next;
      for (const sample of samples) {
        if (sample.step !== next || next >= end) break;
        next++;
        this.#counters.drained++;
        yield sample;
      }
      if (next >= end) break;
      const now = performance.now();
      if (next > before) {
        lastAt = now;
        pause.reset();
        continue;
      }
      if (now - lastAt > idleMs) break;
      if (now - Math.max(lastAt, lookedAt) >= gapWaitMs) {
        lookedAt = now;
        const there = await this.#reader.stepFrom(this.#request, next);
        if (there !== undefined && there < end) {
          this.#gaps.add(next, there);
          this.#counters.gaps += there - next;
          next = there;
          continue;
        }
      }
      await pause.take();
    }
    const end = this.#expected ?? next;
    this.#gaps.add(next, end);
    this.#counters.gaps += end - next;
    this.#complete = this.#expected !== undefined && this.#gaps.count === 0;
    await this.#reader.remove(this.#request);
  }
}
