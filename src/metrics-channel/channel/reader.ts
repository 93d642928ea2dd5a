import { randomUUID } from "node:crypto";
import { KeepwarmError } from "../../errors.ts";
import { ReplyError, replyText, type Reply } from "../../wire/resp/reply.ts";
import type { ChannelCounters } from "./counters.ts";
import { Gaps } from "./gaps.ts";
import type { ChannelKeys } from "./keys.ts";
import { Pause } from "./pause.ts";
import { decodeSample, type TokenSample } from "./sample.ts";
import type { ChannelServer } from "./server.ts";
import { countField } from "./writer.ts";

/** What a reader took of one request. */
export interface Drained {
  /**
   * In the order of their steps, each step once, those beyond `expected` too. Nothing stands in for
   * what is missing.
   */
  readonly samples: readonly TokenSample[];
  /** How many there should be, if the reader or the writer has said so. */
  readonly expected: number | undefined;
  /** Steps that should be there and are not, at most the first 100,000. */
  readonly missing: readonly number[];
  /** Whether it is known that nothing is missing. */
  readonly complete: boolean;
}

export interface DrainOptions {
  /** How many samples there should be, such as the tokens of the answer. Default what `finish` said. */
  readonly expected?: number | undefined;
  /** Milliseconds to wait until they are there. Default 0. */
  readonly waitMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Reads samples. */
export class SampleReader {
  readonly #server: ChannelServer;
  readonly #keys: ChannelKeys;
  readonly #counters: ChannelCounters;

  constructor(server: ChannelServer, keys: ChannelKeys, counters: ChannelCounters) {
    this.#server = server;
    this.#keys = keys;
    this.#counters = counters;
  }

  async drain(request: string, options: DrainOptions): Promise<Drained> {
    const seen = await this.#wait(request, options);
    const fields = await this.#take(request);
    const found = new Map<number, TokenSample>();
    let expected = options.expected;
    for (const [name, value] of fields) {
      if (name === countField) expected ??= countIn(value);
      else {
        const sample = decodeSample(value);
        if (sample === undefined || String(sample.step) !== name) this.#counters.damaged++;
        else found.set(sample.step, sample);
      }
    }
    const samples = [...found.values()].toSorted((a, b) => a.step - b.step);
    const gaps = new Gaps();
    let next = 0;
    for (const { step } of samples) {
      gaps.add(next, Math.min(step, expected ?? step));
      next = step + 1;
    }
    gaps.add(next, expected ?? next);
    this.#counters.drained += samples.length;
    this.#counters.gaps += gaps.count;
    if (fields.length === 0 && seen) this.#counters.expired += gaps.count;
    return {
      samples,
      expected,
      missing: gaps.listed,
      complete: expected !== undefined && gaps.count === 0,
    };
  }

  /**
   * The samples from `first` on, as far as they are there, up to `most` of them, and how many there
   * will be once that is known. They stay on the server.
   */
  async peek(
    request: string,
    first: number,
    most: number,
  ): Promise<{ readonly samples: readonly TokenSample[]; readonly count: number | undefined }> {
    const steps = Array.from({ length: most }, (_, index) => String(first + index));
    const [reply] = await this.#server.ask([
      ["HMGET", this.#keys.of(request), countField, ...steps],
    ]);
    const [count, ...values] = listIn(reply);
    const samples = values.flatMap((value) =>
      Buffer.isBuffer(value) ? (decodeSample(value) ?? []) : [],
    );
    return { samples, count: Buffer.isBuffer(count) ? countIn(count) : undefined };
  }

  /** The lowest step from `first` on that is there. */
  async stepFrom(request: string, first: number): Promise<number | undefined> {
    const [names] = await this.#server.ask([["HKEYS", this.#keys.of(request)]]);
    let lowest = Infinity;
    for (const name of listIn(names)) {
      const step = Number(replyText(name));
      if (step >= first && step < lowest) lowest = step;
    }
    return lowest === Infinity ? undefined : lowest;
  }

  /** How many samples the request has now, and how many it will have once that is known. */
  async size(request: string): Promise<{ samples: number; count: number | undefined }> {
    const key = this.#keys.of(request);
    const [length, count] = await this.#server.ask([
      ["HLEN", key],
      ["HGET", key, countField],
    ]);
    if (typeof length !== "number")
      throw new KeepwarmError("PROTOCOL", "a server answered HLEN with no number");
    return Buffer.isBuffer(count)
      ? { samples: length - 1, count: countIn(count) }
      : { samples: length, count: undefined };
  }

  async remove(request: string): Promise<void> {
    await this.#server.ask([["DEL", this.#keys.of(request)]]);
  }

  /** Waits until all samples are there. Returns whether any were seen. */
  async #wait(request: string, options: DrainOptions): Promise<boolean> {
    const { waitMs = 0, signal } = options;
    signal?.throwIfAborted();
    const until = performance.now() + waitMs;
    let seen = false;
    const pause = new Pause(signal);
    while (performance.now() < until) {
      const { samples, count } = await this.size(request);
      seen ||= samples > 0;
      const expected = options.expected ?? count;
      if (expected !== undefined && samples >= expected) break;
      await pause.take(Math.max(until - performance.now(), 0));
    }
    return seen;
  }

  /**
   * Takes everything in one step: the hash gets a name that only this call knows, so that reading it
   * again after a broken connection finds the same, and what writers push meanwhile is not lost.
   */
  async #take(request: string): Promise<readonly (readonly [string, Buffer])[]> {
    const key = this.#keys.of(request);
    const aside = this.#keys.aside(request, randomUUID());
    const [renamed, all] = await this.#server.transaction(
      key,
      [
        ["RENAMENX", key, aside],
        ["HGETALL", aside],
      ],
      0,
    );
    for (const reply of [renamed, all])
      if (reply instanceof ReplyError && !/no such key/i.test(reply.message))
        throw new KeepwarmError("REPLY", `the server answered: ${reply.message}`);
    // Should this fail, the samples expire; they have been read.
    this.#server.ask([["DEL", aside]]).catch((error: unknown) => this.#counters.note(error));
    return pairsIn(all);
  }
}

function countIn(value: Buffer): number | undefined {
  const count = Number(replyText(value));
  return Number.isInteger(count) && count >= 0 && count <= 2 ** 32 ? count : undefined;
}

function listIn(reply: Reply): readonly Reply[] {
  if (Array.isArray(reply)) return reply;
  throw new KeepwarmError("PROTOCOL", "a server answered with something else than a list");
}

function pairsIn(reply: Reply): (readonly [string, Buffer])[] {
  const list = reply instanceof Map ? [...reply].flat() : Array.isArray(reply) ? reply : [];
  const pairs: (readonly [string, Buffer])[] = [];
  for (let at = 0; at + 1 < list.length; at += 2) {
    const [name, value] = [replyText(list[at]), list[at + 1]];
    if (name !== undefined && Buffer.isBuffer(value)) pairs.push([name, value]);
  }
  return pairs;
}
