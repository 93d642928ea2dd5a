import { KeepwarmError } from "../../errors.ts";
import { ReplyError, replyText } from "../../wire/resp/reply.ts";
import type { ChannelCounters } from "./counters.ts";
import { Gaps } from "./gaps.ts";
import type { Drained } from "./reader.ts";
import type { TokenSample } from "./sample.ts";
import type { ChannelServer, Command } from "./server.ts";

/**
 * A row of a Python writer's list, such as `"12.5,25.0,1.75"`: norm, tempered norm and entropy.
 *
 * @returns Nothing for what is no such row.
 */
export function parseListRow(row: string, step: number): TokenSample | undefined {
  const numbers = row.split(",").map(parseFloatOfPython);
  const [norm, temperedNorm, entropy] = numbers;
  if (numbers.length !== 3 || numbers.includes(undefined)) return undefined;
  return { step, norm, temperedNorm, entropy };
}

/** A sample as a row that Python reads back to the same numbers; what was not measured is `0.0`. */
export function formatListRow({ norm, temperedNorm, entropy }: TokenSample): string {
  return [norm, temperedNorm, entropy].map((value) => formatFloatOfPython(value ?? 0)).join(",");
}

/** The list form that PITA's logits processors use: one list a request, under the bare request id. */
export class ListForm {
  readonly #server: ChannelServer;
  readonly #counters: ChannelCounters;
  readonly #ttlMs: number;

  constructor(server: ChannelServer, counters: ChannelCounters, ttlMs: number) {
    this.#server = server;
    this.#counters = counters;
    this.#ttlMs = ttlMs;
  }

  /** Appends rows and sets the list's expiry with them. Never rejects; returns whether it worked. */
  async push(key: string, samples: readonly TokenSample[]): Promise<boolean> {
    if (samples.length === 0) return true;
    const rows = samples.map(formatListRow);
    const commands: Command[] = [
      ["RPUSH", key, ...rows],
      ["PEXPIRE", key, String(this.#ttlMs)],
    ];
    try {
      const bytes = rows.reduce((sum, row) => sum + row.length, key.length);
      const [pushed] = await this.#server.transaction(key, commands, bytes);
      if (pushed instanceof ReplyError) throw new KeepwarmError("REPLY", pushed.message);
      this.#counters.pushed += samples.length;
      return true;
    } catch (error) {
      this.#counters.failed += samples.length;
      this.#counters.note(error);
      return false;
    }
  }

  /**
   * Takes all rows in one step. Rows carry no step: the first counts as 0, and rows that other ranks
   * doubled cannot be told apart, so more rows than expected are not complete either.
   */
  async drain(key: string, expected: number | undefined): Promise<Drained> {
    const [rows] = await this.#server.transaction(
      key,
      [
        ["LRANGE", key, "0", "-1"],
        ["DEL", key],
      ],
      0,
    );
    if (!Array.isArray(rows))
      throw new KeepwarmError(
        "REPLY",
        `the server answered: ${rows instanceof ReplyError ? rows.message : "no list"}`,
      );
    const samples: TokenSample[] = [];
    const gaps = new Gaps();
    for (const [step, row] of rows.entries()) {
      const sample = parseListRow(replyText(row) ?? "", step);
      if (sample !== undefined) samples.push(sample);
      else {
        this.#counters.damaged++;
        gaps.add(step, step + 1);
      }
    }
    gaps.add(rows.length, expected ?? 0);
    this.#counters.drained += samples.length;
    this.#counters.gaps += gaps.count;
    const complete = expected === rows.length && gaps.count === 0;
    return { samples, expected, missing: gaps.listed, complete };
  }
}

const specials: Readonly<Record<string, number>> = {
  inf: Infinity,
  "+inf": Infinity,
  "-inf": -Infinity,
  infinity: Infinity,
  "-infinity": -Infinity,
  nan: NaN,
};

function parseFloatOfPython(text: string): number | undefined {
  const trimmed = text.trim().toLowerCase();
  if (Object.hasOwn(specials, trimmed)) return specials[trimmed];
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/.test(trimmed) ? Number(trimmed) : undefined;
}

function formatFloatOfPython(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const text = Object.is(value, -0) ? "-0" : String(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}
