import { formatBytes } from "../../src/util/units.ts";

/** What is measured. */
export interface Cell {
  readonly name: string;
  readonly operation: "set" | "get";
  readonly bytes: number;
  /** Calls that wait at the same time. */
  readonly inFlight: number;
  /** Values a call. */
  readonly batch: number;
}

const sizes = [64 * 1024, 256 * 1024, 1024 ** 2, 4 * 1024 ** 2, 8 * 1024 ** 2];
/** A batch of more would be more than what anybody holds at once. */
const longestBatchBytes = 128 * 1024 ** 2;

export const clientCells: readonly Cell[] = (["set", "get"] as const).flatMap((operation) =>
  sizes.flatMap((bytes) =>
    [
      { inFlight: 1, batch: 1, mode: "c1" },
      { inFlight: 8, batch: 1, mode: "c8" },
      { inFlight: 1, batch: 128, mode: "b128" },
    ]
      .filter(({ batch }) => batch * bytes <= longestBatchBytes)
      .map(({ mode, ...load }) => ({
        name: `${operation.toUpperCase()} ${formatBytes(bytes).replace(" ", "")} ${mode}`,
        operation,
        bytes,
        ...load,
      })),
  ),
);
