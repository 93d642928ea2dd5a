import type { BlockStore, CallOptions, PutEntry, PutOutcome } from "../store/contract.ts";
import { readTailList } from "./finder.ts";
import { bytesOf, framed, FRAME_BYTES } from "./frame.ts";
import type { Gate } from "./gate.ts";
import type { ChunkName, PromptChain } from "./prompt-chain.ts";
import { withTails, writeTails } from "./tail-list.ts";
import type { ChunkOutcome, ChunkSource, FailReason, SkipReason } from "./types.ts";

/** Bytes that are put at once: enough to keep a connection busy, little to hold. */
const bytesAtOnce = 8 * 1024 ** 2;

interface Pending {
  readonly name: ChunkName;
  readonly entry: PutEntry;
  readonly bytes: number;
}

export interface StorerOptions {
  readonly store: BlockStore;
  readonly gate: Gate;
  readonly whenBusy: "wait" | "skip";
  readonly ttlMs: number | undefined;
  readonly signal: AbortSignal;
  readonly call: CallOptions;
}

/** Stores the pieces of one prompt that are not there yet, a batch at a time. */
export class Storer {
  readonly outcomes: ChunkOutcome[] = [];
  readonly #options: StorerOptions;
  #batch: Pending[] = [];
  #batchBytes = 0;

  constructor(options: StorerOptions) {
    this.#options = options;
  }

  async store(chain: PromptChain, names: readonly ChunkName[], source: ChunkSource): Promise<void> {
    const { store, call } = this.#options;
    const present = await store.has(
      names.map(({ key }) => key),
      call,
    );
    try {
      for (const [index, name] of names.entries())
        if (present[index]) this.#settle(name, { status: "SKIPPED", reason: "present" });
        else await this.#add(name, source);
      await this.#flush();
    } finally {
      this.#drop();
    }
    await this.#listTails(chain);
  }

  async #add(name: ChunkName, source: ChunkSource): Promise<void> {
    const { store, gate, whenBusy, ttlMs, signal } = this.#options;
    const { start, end, key, digest } = name;
    const value = await source({ start, end });
    signal.throwIfAborted();
    if (value === undefined) return this.#settle(name, { status: "SKIPPED", reason: "no-value" });
    const bytes = bytesOf(value);
    if (bytes + FRAME_BYTES > store.capabilities.maxBlockBytes)
      return this.#settle(name, { status: "FAILED", reason: "too-large" });
    if (!gate.hasRoom(bytes)) {
      await this.#flush();
      if (!gate.hasRoom(bytes) && whenBusy === "skip")
        return this.#settle(name, { status: "SKIPPED", reason: "busy" });
    }
    await gate.hold(bytes, signal);
    const parts = framed({ kind: "chunk", digest, tokens: end - start }, value);
    const entry = { key, value: parts, ifAbsent: true };
    this.#batch.push({ name, entry: ttlMs === undefined ? entry : { ...entry, ttlMs }, bytes });
    this.#batchBytes += bytes;
    if (this.#batchBytes >= bytesAtOnce) await this.#flush();
  }

  async #flush(): Promise<void> {
    if (this.#batch.length === 0) return;
    const { store, call } = this.#options;
    const batch = this.#batch;
    const outcomes = await store.put(
      batch.map(({ entry }) => entry),
      call,
    );
    for (const [index, { name, bytes }] of batch.entries())
      this.#settle(name, meaningOf(outcomes[index], bytes));
    this.#drop();
  }

  /** Adds the tails that were stored to the lists of what follows their chunks. */
  async #listTails(chain: PromptChain): Promise<void> {
    const { store, ttlMs, call } = this.#options;
    const { chunkSize } = chain;
    const stored = this.outcomes.filter(
      ({ status, start, end }) => status === "STORED" && end - start < chunkSize,
    );
    for (const start of new Set(stored.map((outcome) => outcome.start))) {
      const chunks = start / chunkSize;
      const added = stored
        .filter((outcome) => outcome.start === start)
        .map(({ end }) => ({ tokens: end - start, digest: chain.tail(end)!.digest }));
      const tails = withTails(await readTailList(store, chain, chunks, call), added);
      const { key, digest } = chain.tailList(chunks);
      const value = framed({ kind: "tails", digest, tokens: 0 }, writeTails(tails));
      await store.put([ttlMs === undefined ? { key, value } : { key, value, ttlMs }], call);
    }
  }

  #settle(
    { start, end }: ChunkName,
    what:
      | { status: "STORED"; bytes: number }
      | { status: "SKIPPED"; reason: SkipReason }
      | { status: "FAILED"; reason: FailReason },
  ): void {
    this.outcomes.push({ start, end, ...what });
  }

  #drop(): void {
    this.#batch = [];
    this.#options.gate.release(this.#batchBytes);
    this.#batchBytes = 0;
  }
}

function meaningOf(
  outcome: PutOutcome,
  bytes: number,
):
  | { status: "STORED"; bytes: number }
  | { status: "SKIPPED"; reason: SkipReason }
  | { status: "FAILED"; reason: FailReason } {
  switch (outcome.status) {
    case "stored":
      return { status: "STORED", bytes };
    case "exists":
      return { status: "SKIPPED", reason: "present" };
    default:
      return { status: "FAILED", reason: outcome.reason };
  }
}
