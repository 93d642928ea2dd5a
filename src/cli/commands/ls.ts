import { plural } from "../render/plural.ts";
import { KeepwarmError } from "../../errors.ts";
import { parseCount } from "../parse.ts";
import { withServer } from "../server/connect.ts";
import { formatBytes, formatCount, formatDuration } from "../../util/units.ts";
import { ExitCode } from "../exit-code.ts";
import { clientOptions, example, type ClientFlags } from "../options.ts";
import { showKey } from "../render/key.ts";
import { Groups, type BlockGroup } from "../server/groups.ts";
import { hasRichScan, scanBlocks, type ListedBlock } from "../server/scan.ts";
import { filterOf, type SelectorFlags } from "../server/select.ts";
import type { DefineVerb, VerbContext } from "../verb.ts";

interface LsFlags
  extends ClientFlags, Pick<SelectorFlags, "match" | "family" | "model" | "tier" | "idle"> {
  readonly keys?: boolean;
  readonly sort: string;
  readonly limit: string;
}

export const define: DefineVerb = (command, bind) => {
  clientOptions(
    command
      .option("-k, --keys", "list keys instead of groups")
      .option("-m, --match <glob>", "only keys like this: * ? [a-z]")
      .option("--family <name>", "only keys of this family")
      .option("--model <name>", "only keys of this model")
      .option("--tier <name>", "only blocks whose nearest tier is this: ram, ssd or coded")
      .option("--idle <duration>", "only blocks that were not used for so long")
      .option("-s, --sort <column>", "order of --keys: size, key, idle, hits", "size")
      .option("-n, --limit <n>", "most keys to list; 0 for all", "0"),
  ).action(bind(run));
  example(command, "keepwarm ls", "keepwarm ls --keys --model Qwen/Qwen3-8B --limit 20");
};

const orders: Readonly<Record<string, (a: ListedBlock, b: ListedBlock) => number>> = {
  size: (a, b) => b.bytes - a.bytes,
  key: (a, b) => Buffer.compare(a.key, b.key),
  idle: (a, b) => (a.idleMs ?? 0) - (b.idleMs ?? 0),
  hits: (a, b) => (b.hits ?? 0) - (a.hits ?? 0),
};

async function run(context: VerbContext, flags: LsFlags): Promise<ExitCode> {
  const limit = parseCount(flags.limit, "--limit");
  const order = orders[flags.sort];
  if (order === undefined)
    throw new KeepwarmError("INPUT_INVALID", `--sort ${flags.sort} is no column`, {
      remedy: `Write one of ${Object.keys(orders).join(", ")}.`,
    });
  return withServer(flags, context.io, async (connection) => {
    const rich = await hasRichScan(connection);
    if (!rich)
      context.out.note("no KW.SCAN here: sizes by STRLEN; hits and idle times are unknown");
    const isWanted = filterOf(flags, rich);
    const groups = new Groups();
    const blocks = new Map<string, ListedBlock>();
    for await (const page of scanBlocks(connection, rich, flags.match)) {
      context.io.signal.throwIfAborted();
      for (const block of page)
        if (!isWanted(block)) continue;
        else if (flags.keys) blocks.set(block.key.toString("latin1"), block);
        else groups.add(block);
    }
    if (flags.keys) listKeys(context, [...blocks.values()].toSorted(order), limit, rich);
    else listGroups(context, groups.list());
    return ExitCode.ok;
  });
}

function listKeys(
  { out }: VerbContext,
  blocks: readonly ListedBlock[],
  limit: number,
  rich: boolean,
): void {
  const shown = limit === 0 ? blocks : blocks.slice(0, limit);
  const bytes = blocks.reduce((sum, block) => sum + block.bytes, 0);
  const keys = shown.map(({ key, ...rest }) => ({ key: showKey(key), ...rest }));
  out.result({ blocks: blocks.length, bytes, keys }, () =>
    out.table(
      [
        { title: "KEY" },
        { title: "SIZE", align: "right" },
        { title: "TTL", align: "right" },
        ...(rich
          ? ([
              { title: "IDLE", align: "right" },
              { title: "HITS", align: "right" },
              { title: "TIER" },
            ] as const)
          : []),
      ],
      keys.map(({ key, bytes, ttlMs, idleMs, hits, tier }) => [
        key,
        formatBytes(bytes),
        ttlMs < 0 ? "-" : formatDuration(ttlMs),
        ...(rich ? [formatDuration(idleMs ?? 0), formatCount(hits ?? 0), tier ?? ""] : []),
      ]),
    ),
  );
  if (shown.length < blocks.length)
    out.note(`${formatCount(blocks.length - shown.length)} more; --limit 0 lists all`);
  else out.note(`${plural(blocks.length, "block")}, ${formatBytes(bytes)}`);
}

function listGroups({ out }: VerbContext, groups: readonly BlockGroup[]): void {
  const blocks = groups.reduce((sum, group) => sum + group.blocks, 0);
  const bytes = groups.reduce((sum, group) => sum + group.bytes, 0);
  const tiers = [...new Set(groups.flatMap((group) => Object.keys(group.tiers)))].toSorted();
  const shown = tiers.length > 1 || (tiers.length === 1 && tiers[0] !== "ram") ? tiers : [];
  out.result({ blocks, bytes, groups }, () =>
    out.table(
      [
        { title: "FAMILY" },
        { title: "MODEL" },
        { title: "RANK", align: "right" },
        { title: "DTYPE" },
        { title: "BLOCKS", align: "right" },
        { title: "SIZE", align: "right" },
        { title: "LARGEST", align: "right" },
        { title: "HITS", align: "right" },
        ...shown.map((tier) => ({ title: `IN ${tier.toUpperCase()}`, align: "right" as const })),
      ],
      groups.map((group) => [
        group.family,
        group.model || "-",
        group.rank || "-",
        group.dtype || "-",
        formatCount(group.blocks),
        formatBytes(group.bytes),
        formatBytes(group.largestBytes),
        formatCount(group.hits),
        ...shown.map((tier) => formatBytes(group.tiers[tier] ?? 0)),
      ]),
    ),
  );
  out.note(
    blocks === 0
      ? "nothing is kept yet; `keepwarm put KEY FILE` stores a block"
      : `${plural(blocks, "block")}, ${formatBytes(bytes)}`,
  );
}
