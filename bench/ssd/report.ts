import { formatBytes } from "../../src/util/units.ts";
import type { MachineFacts } from "../support/machine.ts";
import { renderChecksums, type ChecksumResults } from "./checksums.ts";
import { renderDisk, type DiskResults } from "./disk.ts";
import { renderFront, type FrontResults } from "./front.ts";
import { renderRestart, type RestartResults } from "./restart.ts";
import { renderStores, type StoreResults } from "./stores.ts";
import { renderTrace, type TraceResults } from "./trace.ts";

export const partNames = ["disk", "stores", "checksums", "front", "restart", "trace"] as const;
export type PartName = (typeof partNames)[number];

/** What was measured, of each part the last run. */
export interface SsdResults {
  readonly machine: MachineFacts;
  readonly node: string;
  /** Load average at the end of each part: what was above one or two came from others. */
  readonly loads?: Partial<Record<PartName, number>>;
  readonly disk?: DiskResults;
  readonly stores?: StoreResults;
  readonly checksums?: ChecksumResults;
  readonly front?: FrontResults;
  readonly restart?: RestartResults;
  readonly trace?: TraceResults;
}

/** The whole report as Markdown. */
export function renderMarkdown(results: SsdResults): string {
  const { machine, node, disk, stores, checksums, front, restart, trace } = results;
  const loads = Object.entries(results.loads ?? {})
    .map(([part, load]) => `${part} ${load.toFixed(0)}`)
    .join(", ");
  const head = [
    `- ${machine.date.slice(0, 10)}, Keepwarm ${machine.keepwarm} on Node ${node}`,
    `- ${machine.cores} x ${machine.cpu}, ${formatBytes(machine.memoryBytes)}, Linux ${machine.kernel}`,
    "- GB = 1e9 bytes; medians of interleaved rounds",
    `- load average at the end of each part: ${loads}`,
  ];
  return [
    "# The SSD tier",
    head.join("\n"),
    disk === undefined ? "" : renderDisk(disk),
    stores === undefined ? "" : renderStores(stores),
    checksums === undefined ? "" : renderChecksums(checksums),
    front === undefined ? "" : renderFront(front),
    restart === undefined ? "" : renderRestart(restart),
    trace === undefined ? "" : renderTrace(trace),
  ]
    .filter(Boolean)
    .join("\n\n")
    .concat("\n");
}
