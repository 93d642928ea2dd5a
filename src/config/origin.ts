/** Where a configuration value came from. Lines and columns count from 1. */
export type Origin =
  | { readonly from: "default" }
  | { readonly from: "file"; readonly file: string; readonly line: number; readonly column: number }
  | { readonly from: "env"; readonly name: string }
  | { readonly from: "flag"; readonly name: string };

export const defaultOrigin: Origin = { from: "default" };

/** The origin of each leaf, by dotted path (`"ram.size"`). */
export type Origins = ReadonlyMap<string, Origin>;

/** `keepwarm.yaml:3:10`, `env KEEPWARM_RAM_SIZE`, `flag --ram-size` or `default`. */
export function formatOrigin(origin: Origin): string {
  if (origin.from === "file") return `${origin.file}:${origin.line}:${origin.column}`;
  return origin.from === "default" ? "default" : `${origin.from} ${origin.name}`;
}
