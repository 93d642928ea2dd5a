import type { Problem } from "../problem.ts";
import type { UsedKey } from "./known-keys.ts";
import type { LmcacheSource, Written } from "./source.ts";

/** Reads typed values out of LMCache's configuration and notes what is wrong with them. */
export class Reader {
  readonly #source: LmcacheSource;
  readonly problems: Problem[];

  constructor(source: LmcacheSource) {
    this.#source = source;
    this.problems = [...source.problems];
  }

  written(key: UsedKey): Written | undefined {
    return this.#source.values.get(key);
  }

  fail(key: UsedKey, message: string, remedy: string): undefined {
    const origin = this.written(key)?.origin ?? { from: "default" };
    this.problems.push({ origin, path: key, message, remedy });
    return undefined;
  }

  text(key: UsedKey): string | undefined {
    const written = this.written(key);
    if (written === undefined) return undefined;
    if (typeof written.value === "string") return written.value;
    return this.fail(key, "must be a text", "Put it in quotes.");
  }

  flag(key: UsedKey): boolean | undefined {
    const value = this.written(key)?.value;
    if (value === undefined || typeof value === "boolean") return value;
    const word = typeof value === "string" ? value.trim().toLowerCase() : value;
    if (word === "true" || word === "1" || word === 1) return true;
    if (word === "false" || word === "0" || word === 0) return false;
    return this.fail(key, "must be true or false", "LMCache takes any other word for false.");
  }

  /** A number of at least `least`. */
  number(key: UsedKey, least = 0): number | undefined {
    const value = this.written(key)?.value;
    if (value === undefined) return undefined;
    const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
    if (typeof number === "number" && Number.isFinite(number) && number >= least) return number;
    return this.fail(key, `must be a number of at least ${least}`, "Write a plain number.");
  }

  /** A size in GB, which LMCache takes for GiB; in bytes. */
  gigabytes(key: UsedKey): number | undefined {
    const size = this.number(key);
    return size === undefined ? undefined : Math.floor(size * 1024 ** 3);
  }

  /** A mapping, or JSON of one. */
  mapping(key: UsedKey): Readonly<Record<string, unknown>> {
    const value = this.written(key)?.value;
    if (value === undefined) return {};
    const parsed = typeof value === "string" ? parseJson(value) : value;
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed))
      return parsed as Record<string, unknown>;
    this.fail(key, "must be a mapping, or JSON of one", 'Such as {"save_chunk_meta": false}.');
    return {};
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
