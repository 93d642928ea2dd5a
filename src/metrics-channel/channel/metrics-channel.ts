import { randomUUID } from "node:crypto";
import type { NodeStats } from "../../backends/valkey/node.ts";
import { ChannelCounters, type ChannelStats } from "./counters.ts";
import { Janitor, type SweepOptions } from "./janitor.ts";
import { ChannelKeys } from "./keys.ts";
import { ListForm } from "./list-form.ts";
import { type FollowOptions, LiveSamples } from "./live-samples.ts";
import { type MetricsChannelOptions, resolveChannelOptions } from "./options.ts";
import { type Drained, type DrainOptions, SampleReader } from "./reader.ts";
import type { TokenSample } from "./sample.ts";
import { ChannelServer } from "./server.ts";
import { SampleWriter } from "./writer.ts";

/**
 * Hands what was measured of each generated token from where it is generated (worker threads, other
 * processes, other machines) to where it is wanted, through a Valkey, Redis or Keepwarm server.
 *
 * Writing never waits and never fails: what the server does not take in time is counted. A sample is
 * known by its step, so ranks that measure the same, and repeated writes, make no second one.
 *
 * @example
 * ```ts
 * const channel = new MetricsChannel({ url: "valkey://127.0.0.1:6379", run: "evening-7" });
 * const request = MetricsChannel.newRequest();
 * channel.push(request, { step: 0, ...measureLogits(logits, temperature) }); // in the worker
 * channel.finish(request, 1);
 * const { samples, missing } = await channel.drain(request, { waitMs: 5000 }); // in the main thread
 * await channel.close();
 * ```
 */
export class MetricsChannel implements AsyncDisposable {
  /** Names this run; a channel of another process with the same one reads what this one writes. */
  readonly run: string;
  readonly #server: ChannelServer;
  readonly #counters = new ChannelCounters();
  readonly #writer: SampleWriter;
  readonly #reader: SampleReader;
  readonly #lists: ListForm;
  readonly #janitor: Janitor;
  #sweeping: NodeJS.Timeout | undefined;

  /**
   * Connects when it is first used.
   *
   * @throws KeepwarmError `INPUT_INVALID` for options that cannot be used; TypeError for such names
   */
  constructor(options: MetricsChannelOptions | string = {}) {
    const settings = resolveChannelOptions(
      typeof options === "string" ? { url: options } : options,
    );
    const { namespace, run, ttlMs } = settings;
    const keys = new ChannelKeys(namespace, run);
    this.run = run;
    this.#server = new ChannelServer(settings.server);
    this.#writer = new SampleWriter(this.#server, keys, this.#counters, settings);
    this.#reader = new SampleReader(this.#server, keys, this.#counters);
    this.#lists = new ListForm(this.#server, this.#counters, ttlMs);
    this.#janitor = new Janitor(
      this.#server,
      this.#counters,
      ChannelKeys.pattern(namespace),
      ttlMs,
    );
  }

  /** A name for a request that nobody else has. */
  static newRequest(): string {
    return randomUUID();
  }

  /**
   * Hands over a sample, with everything else of this turn of the event loop in one transaction.
   *
   * @throws TypeError for a step, rank or name that is none; for nothing else
   */
  push(request: string, sample: TokenSample): void {
    this.#writer.push(request, sample);
  }

  /**
   * Tells the reader that the request has `count` samples, steps 0 to `count - 1`.
   *
   * @throws TypeError for a count that is none; for nothing else
   */
  finish(request: string, count: number): void {
    this.#writer.finish(request, count);
  }

  /** Waits until what was pushed before is acknowledged or counted as failed. Never rejects. */
  flush(): Promise<void> {
    return this.#writer.flush();
  }

  /**
   * Takes all samples of a request in one step, perhaps after waiting for them; what is missing is
   * told, and nothing put in its place.
   *
   * @throws KeepwarmError when the server cannot be asked; the signal's reason
   */
  drain(request: string, options: DrainOptions = {}): Promise<Drained> {
    return this.#reader.drain(request, options);
  }

  /** The samples of a request while they are made. */
  follow(request: string, options: FollowOptions = {}): LiveSamples {
    return new LiveSamples(request, this.#reader, this.#counters, options);
  }

  /**
   * Appends rows `"norm,tempered norm,entropy"` to the list `key`, where PITA's programs read them.
   * Never rejects; returns whether the server took them.
   */
  pushList(key: string, samples: readonly TokenSample[]): Promise<boolean> {
    return this.#lists.push(key, samples);
  }

  /**
   * Takes all rows of the list `key` that a logits processor of PITA wrote, in one step.
   *
   * @param expected How many there should be, such as the tokens of the answer.
   * @throws KeepwarmError when the server cannot be asked, or the key is no list
   */
  drainList(key: string, expected?: number): Promise<Drained> {
    return this.#lists.drain(key, expected);
  }

  /**
   * Lets everything expire that has no expiry, of all runs in the namespace: this channel leaves
   * nothing such behind, other programs may.
   *
   * @returns How many keys it found.
   * @throws KeepwarmError when the server cannot be asked
   */
  sweep(options: SweepOptions = {}): Promise<number> {
    return this.#janitor.sweep(options);
  }

  /** Sweeps again and again until the channel is closed. A sweep that fails is only noted. */
  keepSwept(everyMs: number = 60_000, options: SweepOptions = {}): void {
    clearInterval(this.#sweeping);
    let running = false;
    this.#sweeping = setInterval(() => {
      if (running) return;
      running = true;
      this.#janitor
        .sweep(options)
        .catch((error: unknown) => this.#counters.note(error))
        .finally(() => (running = false));
    }, everyMs).unref();
  }

  stats(): ChannelStats & { readonly servers: readonly NodeStats[] } {
    return Object.assign({}, this.#counters, { servers: this.#server.stats() });
  }

  /** Flushes, and disconnects. */
  async close(): Promise<void> {
    clearInterval(this.#sweeping);
    await this.#writer.flush();
    await this.#server.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
