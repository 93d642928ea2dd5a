import { KeepwarmError } from "../../errors.ts";

/** One request of a Mooncake-format trace. */
export interface TraceRequest {
  /** Arrival, in the trace's own unit (Mooncake: milliseconds) from its start. */
  readonly timestamp: number;
  /** Prompt tokens. */
  readonly inputLength: number;
  /** Generated tokens. */
  readonly outputLength: number;
  /** One id per block of the prompt, in order; an id stands for its block and all before it. */
  readonly hashIds: readonly number[];
}

/**
 * Reads one line.
 *
 * @param place `file:line`, for the error.
 * @throws KeepwarmError `INPUT_INVALID`
 */
export function parseTraceLine(line: string, place: string): TraceRequest {
  const fields = parseObject(line, place);
  return {
    timestamp: number(fields, "timestamp", place),
    inputLength: count(fields["input_length"], "input_length", place),
    outputLength: count(fields["output_length"] ?? 0, "output_length", place),
    hashIds: ids(fields["hash_ids"], place),
  };
}

function parseObject(line: string, place: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw invalid(place, `is no JSON (${(error as Error).message})`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid(place, "is no JSON object");
  return value as Record<string, unknown>;
}

function number(fields: Record<string, unknown>, name: string, place: string): number {
  const value = fields[name] ?? 0;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw invalid(place, `${name} is no number`);
}

function count(value: unknown, name: string, place: string): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw invalid(place, `${name} is no whole number`);
}

function ids(value: unknown, place: string): number[] {
  if (!Array.isArray(value)) throw invalid(place, "hash_ids is no list");
  for (const id of value as unknown[]) count(id, "an id of hash_ids", place);
  return value as number[];
}

function invalid(place: string, what: string): KeepwarmError {
  return new KeepwarmError("INPUT_INVALID", `${place}: ${what}`, {
    remedy:
      'A line of a trace looks like {"timestamp": 0, "input_length": 600, "output_length": 20, "hash_ids": [0, 1]}.',
  });
}
