import type { Commands } from "../commands.ts";
import { KeyNames } from "../key-names.ts";
import type { Layout } from "./layout.ts";
import type { HicacheFormat, ValkeyFormat } from "./options.ts";
import { PairLayout } from "./pair.ts";
import { SingleLayout } from "./single.ts";

/** How a format lays blocks out, all under `prefix`. */
export function createLayout(format: ValkeyFormat, prefix: string, commands: Commands): Layout {
  if (format === "lmcache-pair") return new PairLayout(commands, prefix, { name: format });
  if (typeof format === "string")
    return new SingleLayout(commands, new KeyNames(prefix), format === "native");
  if (format.name === "lmcache-pair") return new PairLayout(commands, prefix, format);
  return new SingleLayout(commands, new KeyNames(prefix + hicachePrefix(format)), false);
}

/** What SGLang HiCache's Valkey backend puts before a page's key. */
function hicachePrefix({ model, rank = 0, worldSize = 1, mla = false }: HicacheFormat): string {
  const name = model?.replaceAll("/", "-") || "default";
  return mla ? `hicache:${name}:` : `hicache:${name}:${rank}:${worldSize}:`;
}
