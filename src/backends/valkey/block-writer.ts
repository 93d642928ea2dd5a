import { isKeepwarmError, KeepwarmError } from "../../errors.ts";
import type { PutEntry, PutOutcome, RejectReason } from "../../store/contract.ts";
import type { Call } from "./commands.ts";
import type { StoreCounters } from "./counters.ts";
import type { BlockKey, Layout } from "./formats/layout.ts";
import { replyOf } from "./reply-failure.ts";

const stored: PutOutcome = { status: "stored" };
const exists: PutOutcome = { status: "exists" };

/** The outcome of a block that is not kept. */
export function rejected(reason: RejectReason): PutOutcome {
  return { status: "rejected", reason };
}

export interface BlockWriterOptions {
  readonly maxBlockBytes: number;
  /** For entries that name none. */
  readonly ttlMs: number | undefined;
  /** Bytes of one call that wait or are sent at a time, so that a long batch is no flood to drop from. */
  readonly mostUnderWay: number;
}

function bytesOf({ value }: PutEntry): number {
  return value instanceof Uint8Array
    ? value.length
    : value.reduce((sum, part) => sum + part.length, 0);
}

/** Writes blocks; what cannot be kept is rejected with its reason, and counted. */
export class BlockWriter {
  readonly #layout: Layout;
  readonly #counters: StoreCounters;
  readonly #options: BlockWriterOptions;

  constructor(layout: Layout, counters: StoreCounters, options: BlockWriterOptions) {
    this.#layout = layout;
    this.#counters = counters;
    this.#options = options;
  }

  /** @param blocks The keys of the entries. */
  async write(
    blocks: readonly BlockKey[],
    entries: readonly PutEntry[],
    call: Call,
  ): Promise<PutOutcome[]> {
    const ids = blocks.map(({ key }) => Buffer.from(key).toString("latin1"));
    // Of one key twice, only the last is written: connections do not wait for each other.
    const last = new Map<string, number>();
    for (const [index, id] of ids.entries())
      if (!last.has(id) || entries[index].ifAbsent !== true) last.set(id, index);
    const outcomes = new Map<number, PutOutcome>();
    let failure: { readonly error: unknown } | undefined;
    let bytesUnderWay = 0;
    let oneIsDone: (() => void) | undefined;
    const write = async (index: number, bytes: number): Promise<void> => {
      try {
        outcomes.set(index, await this.#write(blocks[index], entries[index], call));
      } catch (error) {
        failure ??= { error };
      }
      bytesUnderWay -= bytes;
      oneIsDone?.();
    };
    const writes: Promise<void>[] = [];
    for (const index of last.values()) {
      const bytes = bytesOf(entries[index]);
      while (bytesUnderWay > 0 && bytesUnderWay + bytes > this.#options.mostUnderWay)
        await new Promise<void>((resolve) => (oneIsDone = resolve));
      bytesUnderWay += bytes;
      writes.push(write(index, bytes));
    }
    await Promise.all(writes);
    if (failure !== undefined) throw failure.error;
    return ids.map((id, index) => {
      const written = last.get(id)!;
      const outcome = outcomes.get(written)!;
      return index > written && outcome.status === "stored" ? exists : outcome;
    });
  }

  async #write(block: BlockKey, entry: PutEntry, call: Call): Promise<PutOutcome> {
    const counters = this.#counters;
    const { value, ttlMs = this.#options.ttlMs, ifAbsent = false } = entry;
    const parts: readonly Uint8Array[] = value instanceof Uint8Array ? [value] : value;
    const bytes = bytesOf(entry);
    if (bytes > this.#options.maxBlockBytes) {
      counters.rejected++;
      return rejected("too-large");
    }
    try {
      if (performance.now() >= call.due)
        throw new KeepwarmError("TIMEOUT", "a long batch was not written in time", {
          remedy: "Write fewer blocks at a time, or allow more time with a longer deadline.",
        });
      const write = { ...block, parts, bytes, ttlMs, ifAbsent };
      if ((await this.#layout.write(write, call)) === "exists") return exists;
      counters.stored++;
      counters.storedBytes += bytes;
      return stored;
    } catch (error) {
      // The whole batch is about to end with the caller's own reason.
      if (call.signal?.aborted === true) return rejected("failed");
      if (!(error instanceof KeepwarmError)) throw error;
      counters.rejected++;
      counters.failed("failedWrites", error);
      if (isKeepwarmError(error, "CLOSED")) return rejected("closed");
      return rejected(replyOf(error)?.code === "OOM" ? "no-room" : "failed");
    }
  }
}
