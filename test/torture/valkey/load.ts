import type { Blocks } from "./blocks.ts";
import { keyCount } from "./blocks.ts";
import type { TortureClient } from "./clients/client.ts";
import { Heartbeat, now } from "../../support/heartbeat.ts";
import type { CallKind, CallRecord, Outcome, RunRecord } from "./record.ts";

/** Each time a put and a get begin, whatever became of those before: engines do not wait either. */
const tickMs = 20;
/** Every so many times a look-up as well. */
const ticksPerLookup = 5;
const lookupKeys = 16;
/** Calls that may be open at a time; ten deadlines of them and more. */
const mostOpen = 2000;
const memoryEveryMs = 50;

/** Puts, gets and look-ups at a steady rate; every byte that comes back is compared. */
export class Load {
  readonly #client: TortureClient;
  readonly #blocks: Blocks;
  readonly #heartbeat = new Heartbeat();
  readonly #calls: CallRecord[] = [];
  readonly #memory: { at: number; bytes: number }[] = [];
  readonly #failures: Record<string, number> = {};
  readonly #versions = Array.from({ length: keyCount }, () => 0);
  #open = 0;
  #heldBack = 0;
  #ticks = 0;
  #timers: NodeJS.Timeout[] = [];

  constructor(client: TortureClient, blocks: Blocks) {
    this.#client = client;
    this.#blocks = blocks;
  }

  /** Stores every key once. */
  async fill(deadline: number): Promise<void> {
    for (let index = 0; index < keyCount; index++)
      for (;;) {
        const stored = await this.#client
          .put(this.#blocks.key(index), this.#blocks.make(index, 0))
          .catch((error: unknown) => String(error));
        if (stored === true) break;
        if (now() > deadline) throw new Error(`the first blocks cannot be stored: ${stored}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
  }

  start(): void {
    this.#heartbeat.start();
    this.#timers = [
      setInterval(() => this.#tick(), tickMs),
      setInterval(() => this.#memory.push({ at: now(), bytes: memoryUsed() }), memoryEveryMs),
    ];
  }

  /** Begins no more calls and waits for those that are open, not for ever. */
  async stop(unhandled: readonly string[], waitMs: number): Promise<RunRecord> {
    clearInterval(this.#timers[0]);
    const until = now() + waitMs;
    while (this.#open > 0 && now() < until) await new Promise((resolve) => setTimeout(resolve, 10));
    clearInterval(this.#timers[1]);
    this.#heartbeat.stop();
    return {
      calls: this.#calls.map((call) =>
        call.outcome === "open" ? { ...call, ended: now() } : call,
      ),
      blockages: this.#heartbeat.blockages,
      memory: this.#memory,
      unhandled,
      heldBack: this.#heldBack,
      failures: this.#failures,
    };
  }

  #tick(): void {
    const tick = this.#ticks++;
    const written = tick % keyCount;
    const read = (tick + keyCount / 2) % keyCount;
    void this.#call("put", written, () => this.#put(written));
    void this.#call("get", read, () => this.#get(read));
    if (tick % ticksPerLookup === 0) void this.#call("has", read, () => this.#has(read));
  }

  async #put(index: number): Promise<Outcome> {
    const version = ++this.#versions[index];
    const { key, value } = {
      key: this.#blocks.key(index),
      value: this.#blocks.make(index, version),
    };
    return (await this.#client.put(key, value)) ? "ok" : "failed";
  }

  async #get(index: number): Promise<Outcome> {
    let version: number | undefined;
    const found = await this.#client.get(this.#blocks.key(index), (value) => {
      version = this.#blocks.versionOf(index, value);
    });
    if (!found) return "miss";
    return version !== undefined && version <= this.#versions[index] ? "ok" : "wrong";
  }

  async #has(from: number): Promise<Outcome> {
    const keys = Array.from({ length: lookupKeys }, (_, at) =>
      this.#blocks.key((from + at) % keyCount),
    );
    return (await this.#client.has(keys)) === lookupKeys ? "ok" : "miss";
  }

  async #call(kind: CallKind, index: number, make: () => Promise<Outcome>): Promise<void> {
    if (this.#open >= mostOpen) {
      this.#heldBack++;
      return;
    }
    this.#open++;
    const call: CallRecord = { kind, index, began: now(), ended: Infinity, outcome: "open" };
    this.#calls.push(call);
    try {
      call.outcome = await make();
    } catch (error) {
      call.outcome = "failed";
      const message = String(error).slice(0, 120);
      this.#failures[message] = (this.#failures[message] ?? 0) + 1;
    }
    call.ended = now();
    this.#open--;
  }
}

function memoryUsed(): number {
  return process.memoryUsage.rss();
}
