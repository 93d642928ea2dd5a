import type { Commands } from "../commands.ts";
import { KeyNames } from "../key-names.ts";
import type { Layout } from "./layout.ts";
import type { HicacheFormat, ValkeyFormat } from "./options.ts";
import { PairLayout } from "./pair.ts";
import { SingleLayout } from "./single.ts";

export interface LayoutOptions {
  readonly format: ValkeyFormat;
  /** Before each name. */
  readonly prefix: string;
  /** Whether a read asks for the time that a block has left. */
  readonly readTtl: boolean;
}

/** How a format lays blocks out. */
export function createLayout(
  { format, prefix, readTtl }: LayoutOptions,
  commands: Commands,
): Layout {
  const { name, ...rest } = typeof format === "string" ? { name: format } : format;
  if (name === "lmcache-pair") return new PairLayout(commands, prefix, { name, ...rest }, readTtl);
  const before = name === "hicache" ? prefix + hicachePrefix({ name, ...rest }) : prefix;
  return new SingleLayout(commands, new KeyNames(before), name === "native", readTtl);
}

/** What SGLang HiCache's Valkey backend puts before a page's key. */
function hicachePrefix({ model, rank = 0, worldSize = 1, mla = false }: HicacheFormat): string {
  const name = model?.replaceAll("/", "-") || "default";
  return mla ? `hicache:${name}:` : `hicache:${name}:${rank}:${worldSize}:`;
}
