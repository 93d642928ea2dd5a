import { ReplyError, type Reply } from "../../wire/resp/reply.ts";
import type { ChannelCounters } from "./counters.ts";
import type { ChannelKeys } from "./keys.ts";
import { encodeSample, sampleBytes, type TokenSample } from "./sample.ts";
import type { ChannelServer, Command } from "./server.ts";

/** Field of a request's hash that holds how many samples it has when all are there. */
export const countField = "count";

/** Most samples of one transaction: it holds the server up for a fraction of a millisecond. */
const mostTogether = 1024;

/** Assumed bytes of a sample among those that wait. */
const waitingBytes = sampleBytes + 64;

export interface WriterSettings {
  /** Milliseconds that a request's samples are kept after its last one. */
  readonly ttlMs: number;
  /** Most samples that wait to be acknowledged; those beyond are given up. */
  readonly queueSamples: number;
}

interface Fields {
  readonly args: (string | Buffer)[];
  samples: number;
}

/**
 * Sends samples: all that one turn of the event loop brings leave together, in one transaction that
 * also sets their expiry. So none is ever there without one, whenever the writer dies. While the server
 * has not answered, what comes is gathered: the slower it is, the more goes with one transaction.
 */
export class SampleWriter {
  readonly #server: ChannelServer;
  readonly #keys: ChannelKeys;
  readonly #counters: ChannelCounters;
  readonly #settings: WriterSettings;
  #batch = new Map<string, Fields>();
  #inBatch = 0;
  #scheduled = false;
  readonly #underWay = new Set<Promise<void>>();

  constructor(
    server: ChannelServer,
    keys: ChannelKeys,
    counters: ChannelCounters,
    settings: WriterSettings,
  ) {
    this.#server = server;
    this.#keys = keys;
    this.#counters = counters;
    this.#settings = settings;
  }

  push(request: string, sample: TokenSample): void {
    this.#add(this.#keys.of(request), String(sample.step), encodeSample(sample), 1);
  }

  finish(request: string, count: number): void {
    if (!Number.isInteger(count) || count < 0) throw new TypeError(`${count} is no count`);
    this.#add(this.#keys.of(request), countField, Buffer.from(String(count)), 0);
  }

  /** Waits until what was pushed before is acknowledged or counted as failed. Never rejects. */
  async flush(): Promise<void> {
    this.#send();
    await Promise.all(this.#underWay);
  }

  #add(key: string, field: string, value: Buffer, samples: number): void {
    if (this.#counters.waiting + samples > this.#settings.queueSamples) {
      this.#counters.dropped += samples;
      return;
    }
    let fields = this.#batch.get(key);
    if (fields === undefined) this.#batch.set(key, (fields = { args: ["HSET", key], samples: 0 }));
    fields.args.push(field, value);
    fields.samples += samples;
    this.#inBatch += samples;
    this.#counters.waiting += samples;
    if (this.#inBatch >= mostTogether) this.#send();
    else if (!this.#scheduled && this.#underWay.size === 0) {
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        this.#send();
      });
    }
  }

  #send(): void {
    if (this.#batch.size === 0) return;
    const batch = [...this.#batch];
    const samples = this.#inBatch;
    this.#batch = new Map();
    this.#inBatch = 0;
    const sent = this.#write(batch, samples).finally(() => {
      this.#counters.waiting -= samples;
      this.#underWay.delete(sent);
      if (this.#underWay.size === 0) this.#send();
    });
    this.#underWay.add(sent);
  }

  async #write(batch: readonly (readonly [string, Fields])[], samples: number): Promise<void> {
    const ttl = String(this.#settings.ttlMs);
    const commands = batch.flatMap(([key, { args }]): Command[] => [args, ["PEXPIRE", key, ttl]]);
    try {
      const bytes = (samples + batch.length) * waitingBytes;
      const replies = await this.#server.transaction(batch[0][0], commands, bytes);
      for (const [index, [, fields]] of batch.entries()) this.#count(fields, replies[2 * index]);
    } catch (error) {
      this.#counters.failed += samples;
      this.#counters.note(error);
    }
  }

  #count({ args, samples }: Fields, reply: Reply): void {
    if (typeof reply === "number") {
      this.#counters.pushed += samples;
      // The count of samples is a field as well, so what was not added may be that one.
      const fields = (args.length - 2) / 2;
      this.#counters.duplicates += Math.min(samples, fields - reply);
    } else {
      this.#counters.failed += samples;
      if (reply instanceof ReplyError) this.#counters.note(reply.message);
    }
  }
}
