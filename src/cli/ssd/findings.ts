import type { CheckReport } from "../../tiers/ssd/maintenance/check.ts";
import type { SegmentFinding } from "../../tiers/ssd/maintenance/finding.ts";
import { formatBytes, formatCount } from "../../util/units.ts";
import type { Output } from "../output.ts";
import { plural } from "../render/plural.ts";

/** A report for people: what there is, and the segments that are not whole. */
export function reportText(out: Output, report: CheckReport): string {
  const text = out.facts([
    ["directory", report.directory],
    ["format", `version ${report.formatVersion}`],
    [
      "segments",
      `${formatCount(report.segmentsInUse)} in use of ${formatCount(report.segments)}, ${formatBytes(report.segmentBytes)} each`,
    ],
    ["blocks", `${formatCount(report.blocks)}, ${formatBytes(report.bytes)}`],
    ["pinned", report.pinned > 0 ? plural(report.pinned, "block") : undefined],
    ["values read", `${formatCount(report.values)}, ${formatBytes(report.valueBytes)}`],
    ["damaged", damageText(report)],
    ["torn tails", report.tornTails > 0 ? plural(report.tornTails, "segment") : undefined],
    ["no footer", report.missingFooters > 0 ? plural(report.missingFooters, "segment") : undefined],
    ["state", out.paint(report.state === "whole" ? "green" : "red", report.state)],
  ]);
  if (report.findings.length === 0) return text;
  const table = out.table(
    [
      { title: "SEGMENT", align: "right" },
      { title: "HEADER" },
      { title: "FOOTER" },
      { title: "RECORDS", align: "right" },
      { title: "DAMAGED VALUES", align: "right" },
      { title: "DAMAGED FRAMES", align: "right" },
      { title: "TORN" },
    ],
    report.findings.map(findingRow),
  );
  return `${text}${out.isTerminal ? "\n" : ""}${table}`;
}

function damageText(report: CheckReport): string {
  const parts = [
    [report.damagedValues, "value"],
    [report.damagedFrames, "frame"],
    [report.damagedFooters, "footer"],
    [report.damagedHeaders, "header"],
    [report.unreadableSegments, "unreadable segment"],
  ] as const;
  const found = parts.filter(([count]) => count > 0).map(([count, noun]) => plural(count, noun));
  return found.length === 0 ? "nothing" : found.join(", ");
}

function findingRow(finding: SegmentFinding): string[] {
  return [
    String(finding.number),
    finding.header,
    finding.footer,
    formatCount(finding.records),
    formatCount(finding.damagedValues),
    formatCount(finding.damagedFrames),
    finding.torn ? "yes" : "",
  ];
}
