import type { MissReason, RetrieveResult } from "../../engine/types.ts";
import { isKeepwarmError } from "../../errors.ts";
import type { Logger } from "../../observe/logger.ts";
import type { ServingSettings } from "../shared/kv-cache.ts";
import type { KeepReport, ReuseReason, ReuseReport } from "../shared/report.ts";
import { reuseReport } from "../shared/reuse-report.ts";
import { makeScratchFile, type ScratchFile } from "./scratch.ts";
import type { ScratchPool } from "./scratch-pool.ts";
import { StateRows, writeState } from "./state-file.ts";
import { type StateShape, stateBytes } from "./state-shape.ts";
import { Trust } from "./trust.ts";
import type { LlamaSequenceLike } from "./types.ts";

/** What sequences of one context share. */
export interface SequenceSettings extends ServingSettings {
  readonly scratch: ScratchPool;
  readonly scratchFolder: string | undefined;
  readonly logger: Logger;
}

/** The runtime's own methods, which the sequence's are replaced by. */
export type OwnMethods = Pick<
  LlamaSequenceLike,
  "adaptStateToTokens" | "clearHistory" | "saveStateToFile" | "loadStateFromFile"
>;

export interface RestoreOptions {
  /** Whether the runtime may move tokens that it has, where the store has none. */
  readonly allowShift: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Moves the state of one sequence between the runtime and the store. */
export class SequenceCache {
  readonly trust = new Trust();
  readonly #sequence: LlamaSequenceLike;
  readonly #own: OwnMethods;
  readonly #shape: StateShape;
  readonly #settings: SequenceSettings;
  /** Leading tokens of the sequence that the store is known to have. */
  #stored = 0;
  /** Where prompts end or fork, which the store is to know to the token. */
  readonly #marks = new Set<number>();
  /** Resolves when the runtime is no longer writing its state. */
  #saving: Promise<unknown> = Promise.resolve();

  constructor(
    sequence: LlamaSequenceLike,
    own: OwnMethods,
    shape: StateShape,
    settings: SequenceSettings,
  ) {
    this.#sequence = sequence;
    this.#own = own;
    this.#shape = shape;
    this.#settings = settings;
  }

  /** Tokens less than which more are not worth moving a state. */
  get minGainTokens(): number {
    return this.#settings.minGainTokens;
  }

  /** Brings as much of `tokens` into the sequence as it and the store have, and takes out what differs. */
  async restore(
    tokens: readonly number[],
    { allowShift, signal }: RestoreOptions,
  ): Promise<ReuseReport> {
    const began = performance.now();
    await this.saved();
    this.#marks.clear();
    const resident = await this.#resident(tokens);
    const shared = this.#settings.recent.add(tokens);
    if (shared >= this.minGainTokens) this.#marks.add(shared);
    const report = await this.#restoreBehind(tokens, resident, began, signal);
    const moves = allowShift && report.restoredTokens === 0;
    await this.#own.adaptStateToTokens(tokens as never[], moves);
    this.cut(moves ? resident : this.#sequence.nextTokenIndex);
    return report;
  }

  /** A prompt ends in front of this token, the last one that has to be evaluated each time. */
  mark(position: number): void {
    this.#marks.add(position);
  }

  /** Tokens from `at` on are no longer there, or not to be trusted. */
  cut(at: number): void {
    this.trust.cut(at);
    this.#cut(at);
  }

  /** Resolves when the runtime is not writing its state: before that it must not change. */
  async saved(): Promise<void> {
    await this.#saving;
  }

  /** Whether there is enough to store that it is worth the runtime's time. */
  get hasNews(): boolean {
    return this.#wanted() - this.#stored >= this.#settings.minGainTokens;
  }

  /** Stores what the sequence has and the store has not. */
  keep(): Promise<KeepReport> {
    const began = performance.now();
    const wanted = this.#wanted();
    const tokens = this.#sequence.contextTokens;
    const said = { tokens: wanted, storedTokens: 0, storedBytes: 0 };
    const skipped = (reason: string): KeepReport => ({
      status: "SKIPPED",
      ...said,
      times: { saveMs: 0, totalMs: performance.now() - began },
      reason,
    });
    if (tokens.length > 0 && this.trust.tokens === 0) return Promise.resolve(skipped("shifted"));
    if (wanted <= this.#stored) return Promise.resolve(skipped("present"));
    const bytes = stateBytes(this.#shape, tokens.length);
    const { budget } = this.#settings;
    if (!budget.take(bytes)) return Promise.resolve(skipped("over-budget"));
    const tails = [...this.#marks, wanted].filter((position) => position <= wanted);
    const before = this.#stored;
    this.#stored = wanted;
    const work = async (): Promise<KeepReport> => {
      try {
        const report = await this.#save(tokens, wanted, tails, began);
        if (report.status === "FAILED") this.#cut(before);
        return report;
      } finally {
        budget.give(bytes);
      }
    };
    return work();
  }

  /** Leading tokens that the sequence has already. */
  async #resident(tokens: readonly number[]): Promise<number> {
    const { firstDifferentIndex: resident } = this.#sequence.compareContextTokens(
      tokens as never[],
    );
    const trusted = this.trust.tokens;
    if (resident <= trusted || resident - trusted >= this.minGainTokens) return resident;
    // A few tokens that the runtime has moved are worth less than what can be stored without them.
    await this.#own.adaptStateToTokens(tokens.slice(0, trusted) as never[], false);
    return trusted;
  }

  async #restoreBehind(
    tokens: readonly number[],
    resident: number,
    began: number,
    signal: AbortSignal | undefined,
  ): Promise<ReuseReport> {
    const { engine, minGainTokens } = this.#settings;
    const base = { promptTokens: tokens.length, residentTokens: resident, began };
    // The runtime keeps a place free, for the token that it evaluates next.
    const maxTokens = Math.min(tokens.length, this.#sequence.contextSize - 2);
    if (maxTokens - resident < minGainTokens)
      return reuseReport({ ...base, reason: maxTokens < tokens.length ? "too-long" : "resident" });
    if (resident > 0) {
      const { prefixTokens } = await engine.lookup(tokens, { signal });
      if (prefixTokens - resident < minGainTokens)
        return reuseReport({ ...base, reason: "resident" });
    }
    using found = await engine.retrieve(tokens, { maxTokens, signal });
    const { prefixTokens, times } = found;
    const reason: ReuseReason | undefined =
      "reason" in found ? found.reason : maxTokens < tokens.length ? "too-long" : undefined;
    if (prefixTokens - resident < minGainTokens)
      return reuseReport({ ...base, times, reason: reason ?? "resident" });
    const loaded = await this.#load(tokens.slice(0, prefixTokens), found);
    if (typeof loaded === "string")
      return reuseReport({ ...base, residentTokens: 0, times, reason: loaded });
    this.trust.restored(prefixTokens);
    this.#stored = prefixTokens;
    return reuseReport({
      ...base,
      restoredTokens: prefixTokens,
      bytes: found.bytes,
      tiers: found.tiers,
      times: { ...times, ...loaded },
      reason,
    });
  }

  /** Puts the state of `tokens` together and has the runtime read it. */
  async #load(
    tokens: readonly number[],
    { chunks }: RetrieveResult,
  ): Promise<{ assembleMs: number; restoreMs: number } | MissReason | "restore-failed"> {
    const began = performance.now();
    const bytes = stateBytes(this.#shape, tokens.length);
    try {
      await using file = await this.#settings.scratch.take(bytes);
      await writeState(file.handle, this.#shape, tokens, chunks);
      const assembled = performance.now();
      await this.#own.loadStateFromFile(file.path, { acceptRisk: true });
      const restored = performance.now();
      if (this.#sequence.nextTokenIndex !== tokens.length) throw new Error("tokens are missing");
      return { assembleMs: assembled - began, restoreMs: restored - assembled };
    } catch (error) {
      this.#settings.logger.warn({ error: messageOf(error) }, "a state could not be restored");
      await this.#own.clearHistory();
      this.cut(0);
      return "restore-failed";
    }
  }

  async #save(
    tokens: readonly number[],
    wanted: number,
    tails: readonly number[],
    began: number,
  ): Promise<KeepReport> {
    const { engine, scratchFolder, logger } = this.#settings;
    const times = { saveMs: 0, totalMs: 0 };
    const report = (rest: Omit<KeepReport, "tokens" | "times">): KeepReport => {
      times.totalMs = performance.now() - began;
      return { tokens: wanted, times, ...rest };
    };
    try {
      const writing = this.#write(tokens.length, scratchFolder);
      this.#saving = writing.catch(() => {});
      await using file = await writing;
      times.saveMs = performance.now() - began;
      const rows = StateRows.open(file.handle, this.#shape, tokens);
      if (typeof rows === "string")
        return report({ status: "FAILED", storedTokens: 0, storedBytes: 0, reason: rows });
      const stored = await engine.store(tokens.slice(0, wanted), (range) => rows.cut(range), {
        tails,
      });
      const { status, storedTokens, storedBytes, reason } = stored;
      for (const tail of tails) this.#marks.delete(tail);
      return report({ status, storedTokens, storedBytes, reason });
    } catch (error) {
      logger.warn({ error: messageOf(error) }, "a state could not be stored");
      return report({
        status: "FAILED",
        storedTokens: 0,
        storedBytes: 0,
        reason: messageOf(error),
      });
    }
  }

  async #write(tokens: number, folder: string | undefined): Promise<ScratchFile> {
    const file = await makeScratchFile(folder, stateBytes(this.#shape, tokens));
    try {
      await this.#own.saveStateToFile(file.path);
      return file;
    } catch (error) {
      await file[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Leading tokens that are to be stored. */
  #wanted(): number {
    const { storeGenerated } = this.#settings;
    const trusted = Math.min(this.trust.tokens, this.#sequence.contextTokens.length);
    return storeGenerated ? trusted : Math.min(trusted, Math.max(0, ...this.#marks));
  }

  #cut(at: number): void {
    this.#stored = Math.min(this.#stored, at);
  }
}

function messageOf(error: unknown): string {
  if (isKeepwarmError(error) && error.remedy !== undefined)
    return `${error.message}: ${error.remedy}`;
  return error instanceof Error ? error.message : String(error);
}
