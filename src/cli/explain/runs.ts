/** Consecutive chunks of which the same is to be said. */
export interface Run {
  readonly from: number;
  readonly to: number;
  readonly state: string;
}

/** Joins neighbours of which `describe` says the same. */
export function chunkRuns<T>(items: readonly T[], describe: (item: T) => string): Run[] {
  const runs: { from: number; to: number; state: string }[] = [];
  for (const [index, item] of items.entries()) {
    const state = describe(item);
    const last = runs.at(-1);
    if (last?.state === state) last.to = index;
    else runs.push({ from: index, to: index, state });
  }
  return runs;
}
