import { formatBytes, formatCount, formatDuration, formatRatio } from "../../util/units.ts";
import { plural } from "../render/plural.ts";
import type { Paint } from "../render/style.ts";
import { type DiskFigures, isOnDisk, type TierSnapshot } from "./snapshot.ts";

type Fact = [name: string, value: string | undefined];

/** One tier for people: names and values. */
export function tierFacts(tier: TierSnapshot, paint: Paint): Fact[] {
  const of = tier.capacityBytes > 0 ? ` of ${formatBytes(tier.capacityBytes)}` : ", no limit";
  const share =
    tier.capacityBytes > 0 ? ` (${formatRatio(tier.usedBytes, tier.capacityBytes)})` : "";
  const most = tier.maxBlocks ? ` of ${formatCount(tier.maxBlocks)}` : "";
  const disk = isOnDisk(tier) ? tier : undefined;
  return [
    ["tier", tier.policy === undefined ? tier.name : `${tier.name}, policy ${tier.policy}`],
    ...(disk === undefined ? [] : stateFacts(disk, paint)),
    ["used", `${formatBytes(tier.usedBytes)}${of}${share}`],
    ["values", optional(tier.valueBytes, formatBytes)],
    ["blocks", `${formatCount(tier.blocks)}${most}`],
    ["block hits", `${hitRatio(tier)} of ${formatCount(tier.hits + tier.misses)}`],
    ["served", optional(tier.hitBytes, formatBytes)],
    ...(disk === undefined ? [] : trafficFacts(disk)),
    ["stored", optional(tier.stored, (count) => plural(count, "block"))],
    ["evicted", plural(tier.evicted, "block")],
    ["expired", plural(tier.expired, "block")],
    ["rejected", optional(tier.rejected, (count) => plural(count, "block"))],
    ["pinned", optional(tier.pinned, (count) => plural(count, "block"))],
    ...(disk === undefined ? [] : faultFacts(disk, paint)),
  ];
}

/** `36.6 %`, or `-` of nothing. */
export function hitRatio({
  hits,
  misses,
}: {
  readonly hits: number;
  readonly misses: number;
}): string {
  return formatRatio(hits, hits + misses);
}

function stateFacts(tier: DiskFigures, paint: Paint): Fact[] {
  const { segments, segmentsDone, records } = tier.load;
  const loading = `loading its index: ${formatCount(segmentsDone)} of ${plural(segments, "segment")}, ${plural(records, "record")}`;
  return [
    ["state", tier.load.done ? paintedState(tier, paint) : loading],
    ["alarm", tier.alarm === "" ? undefined : paint("red", tier.alarm)],
    ["directory", `${tier.directory}, ${tier.direct ? "O_DIRECT" : "through the page cache"}`],
    ["durability", tier.durability],
    [
      "segments",
      `${formatCount(tier.segments)} of ${formatBytes(tier.segmentBytes)}, ${formatCount(tier.freeSegments)} free`,
    ],
    ["index", `${formatBytes(tier.indexBytes)} of memory`],
  ];
}

function paintedState({ state }: DiskFigures, paint: Paint): string {
  return state === "failing" ? paint("red", state) : state;
}

function trafficFacts(tier: DiskFigures): Fact[] {
  const sync = tier.syncP99Us > 0 ? `, p99 of syncs ${micros(tier.syncP99Us)}` : "";
  return [
    [
      "reads",
      `p50 ${micros(tier.readP50Us)}, p99 ${micros(tier.readP99Us)}, ${formatBytes(tier.readBytes)}`,
    ],
    [
      "writes",
      `${formatBytes(tier.writtenBytes)}, amplification ${tier.writeAmplification.toFixed(2)}${sync}`,
    ],
    ["queue", `${formatBytes(tier.queuedBytes)} in ${plural(tier.queuedItems, "write")}`],
    ["came up", `${plural(tier.promoted, "block")}, ${formatCount(tier.prefetched)} read ahead`],
  ];
}

function faultFacts(tier: DiskFigures, paint: Paint): Fact[] {
  const faults: readonly [name: string, count: number][] = [
    ["not written", tier.skipped + tier.lost],
    ["damaged", tier.corrupt],
    ["failed reads", tier.readErrors],
    ["disk errors", tier.diskErrors],
  ];
  return faults.map(([name, count]) => [
    name,
    count === 0 ? undefined : paint("red", formatCount(count)),
  ]);
}

function optional(value: number | undefined, show: (value: number) => string): string | undefined {
  return value === undefined ? undefined : show(value);
}

function micros(us: number): string {
  return formatDuration(us / 1000);
}
