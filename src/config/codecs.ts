import type { BlockLayout } from "../codecs/tensor.ts";
import type { CodecRule } from "../store/wrappers/codec-rules.ts";
import type { Broken } from "./rules.ts";
import type { Config } from "./schema.ts";

/** The rules for codecs as stores take them. */
export function codecRules({ codecs }: Config): CodecRule[] {
  return codecs.map((entry) => {
    const { match, family, model, codec, bins, remote, idle } = entry;
    const layout = layoutOf(entry);
    return {
      codec,
      remote,
      ...(match !== undefined && { match }),
      ...(family !== undefined && { family }),
      ...(model !== undefined && { model }),
      ...(layout !== undefined && { layout }),
      ...(bins !== undefined && { bins }),
      ...(idle !== undefined && { idleMs: idle }),
    };
  });
}

function layoutOf(entry: Config["codecs"][number]): BlockLayout | undefined {
  const { dtype, format = "BINARY", layers, channels = 1 } = entry;
  return dtype && { dtype, format, channels, ...(layers !== undefined && { layers }) };
}

/** What is wrong with them. */
export function* brokenCodecs({ codecs, coded, ssd, remote }: Config): Generator<Broken> {
  if (coded.size === 0 && coded.dir !== undefined)
    yield {
      path: ["coded", "dir"],
      message: "there is no memory for encoded blocks, through which they go to the disk",
      remedy: 'Set coded.size as well, such as "1GiB".',
    };
  if (coded.size > 0 && coded.dir === undefined && ssd.dir !== undefined)
    yield {
      path: ["coded", "size"],
      message: "what is encoded leaves ssd.dir, and in memory alone it would not outlive a restart",
      remedy: "Set coded.dir as well, or leave coded.size out.",
    };
  if (coded.dir === undefined && coded.diskSize !== undefined)
    yield {
      path: ["coded", "diskSize"],
      message: "there is no directory for encoded blocks on disk",
      remedy: "Set coded.dir as well.",
    };
  for (const [index, entry] of codecs.entries()) {
    const { codec, dtype, format, layers, channels, bins, idle } = entry;
    const path = ["codecs", index];
    const isShaped = format !== undefined && format !== "BINARY";
    if ((isShaped && (dtype === undefined || channels === undefined)) || (!isShaped && channels))
      yield {
        path,
        message: "tells the layout of its blocks only in part",
        remedy: "Set dtype, format and channels, or leave all three to LMCache's metadata.",
      };
    if ((format === "KV_T2D" || format === "KV_2TD") && (layers ?? 1) > 1)
      yield {
        path: [...path, "layers"],
        message: `blocks of ${format} have one layer`,
        remedy: "Leave layers out, or set format to KV_2LTD.",
      };
    if (bins !== undefined && (codec !== "cachegen" || bins % 2 !== 0))
      yield {
        path: [...path, "bins"],
        message: codec === "cachegen" ? "must be an even number" : `mean nothing to ${codec}`,
        remedy: "Set an even number for cachegen, or leave bins out.",
      };
    if (idle !== undefined && coded.size === 0)
      yield {
        path: [...path, "idle"],
        message: "there is no memory for encoded blocks",
        remedy: 'Set coded.size as well, such as "4GiB".',
      };
    if (entry.remote && remote.length === 0)
      yield {
        path: [...path, "remote"],
        message: "there is no store on another machine",
        remedy: "Set remote (--remote) as well, or leave this out.",
      };
  }
}
