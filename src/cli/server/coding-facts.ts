import type { CodingStats } from "../../store/wrappers/block-coding.ts";
import type { CodedStats } from "../../tiers/coded/coded-store.ts";
import { formatBytes, formatCount, formatDuration, formatRatio } from "../../util/units.ts";
import { plural } from "../render/plural.ts";
import type { Paint } from "../render/style.ts";
import { hitRatio } from "./tier-facts.ts";

type Fact = [name: string, value: string | undefined];

/** Blocks that a server keeps encoded, for people: names and values. */
export function codedFacts(coded: CodedStats, paint: Paint): Fact[] {
  const share = formatRatio(coded.usedBytes, coded.capacityBytes);
  return [
    ["tier", "coded"],
    ["used", `${formatBytes(coded.usedBytes)} of ${formatBytes(coded.capacityBytes)} (${share})`],
    ["blocks", formatCount(coded.blocks)],
    ["block hits", `${hitRatio(coded)} of ${formatCount(coded.hits + coded.misses)}`],
    ["served", formatBytes(coded.hitBytes)],
    ["evicted", plural(coded.evicted, "block")],
    ...codingFacts(coded, paint),
  ];
}

/** What encoding and decoding brought and cost; nothing where there was none. */
export function codingFacts(stats: Partial<CodingStats>, paint: Paint): Fact[] {
  const { encoded = 0, originalBytes = 0, encodedBytes = 0, leftAsIs = 0, encodeMs = 0 } = stats;
  const { decoded = 0, decodedBytes = 0, undecodable = 0, decodeMs = 0 } = stats;
  const ratio = encodedBytes === 0 ? "" : `, ratio ${(originalBytes / encodedBytes).toFixed(2)}`;
  return [
    [
      "encoded",
      encoded === 0
        ? undefined
        : `${plural(encoded, "block")}, ${formatBytes(originalBytes)} to ${formatBytes(encodedBytes)}${ratio}, in ${formatDuration(encodeMs)}`,
    ],
    [
      "decoded",
      decoded === 0
        ? undefined
        : `${plural(decoded, "block")}, ${formatBytes(decodedBytes)}, in ${formatDuration(decodeMs)}`,
    ],
    ["left as is", leftAsIs === 0 ? undefined : plural(leftAsIs, "block")],
    ["undecodable", undecodable === 0 ? undefined : paint("red", plural(undecodable, "block"))],
  ];
}
