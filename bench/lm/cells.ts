import type { Cell } from "../server/cells.ts";

const mib = 1024 ** 2;
/** The values of one size together, so that no cache of the CPU holds them all. */
const spreadBytes = 128 * mib;

/** Chunks as LMCache makes them, one worker and a machine of eight. */
export const lmCells: readonly Cell[] = [1, 4, 32].flatMap((megabytes) =>
  (["SET", "GET"] as const).flatMap((op) =>
    [1, 8].map((connections) => ({
      name: `${op} ${megabytes}MiB c${connections}`,
      op,
      size: megabytes * mib,
      connections,
      pipeline: 1,
      keys: Math.floor(spreadBytes / (megabytes * mib)),
    })),
  ),
);
