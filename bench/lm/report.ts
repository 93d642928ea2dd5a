import { formatBytes } from "../../src/util/units.ts";
import { subject } from "../server/peers.ts";
import type { CellResult, PeerResult } from "../server/results.ts";
import type { MachineFacts } from "../support/machine.ts";
import { markdownTable } from "../support/markdown.ts";
import { lmcacheServer } from "./servers.ts";

/** A whole run, as kept in `results/lm.json`. */
export interface LmResults {
  readonly machine: MachineFacts;
  readonly node: string;
  readonly lmcacheVersion: string;
  readonly settings: { readonly trialSeconds: number; readonly rounds: number };
  readonly cells: readonly CellResult[];
}

const goals = [
  { text: "one connection: at least 1.5x lmcache_server", connections: 1, bound: 1.5 },
  { text: "8 connections: at least 3x lmcache_server", connections: 8, bound: 3 },
];

/** The whole report as Markdown. */
export function renderLmMarkdown(results: LmResults): string {
  const { machine, node, lmcacheVersion, settings, cells } = results;
  return [
    "# Keepwarm against LMCache's lm:// server",
    [
      `- ${machine.date.slice(0, 10)}, ${machine.cpu}, ${machine.cores} cores, ${formatBytes(machine.memoryBytes)}, Linux ${machine.kernel}`,
      `- loopback with ${machine.congestionControl}; median of ${settings.rounds} interleaved trials of ${settings.trialSeconds} s`,
      `- Keepwarm ${machine.keepwarm} on Node ${node}; lmcache_server of LMCache ${lmcacheVersion}`,
    ].join("\n"),
    markdownTable(
      ["", "keepwarm GB/s", "lmcache_server GB/s", "ratio", "p99 ms", "server CPU s/GB"],
      cells.map(({ cell, peers }) => {
        const [own, other] = [peers[subject], peers[lmcacheServer]];
        const both = (show: (peer: PeerResult) => string) =>
          [own, other].map((peer) => (peer === undefined ? "-" : show(peer))).join(" / ");
        return [
          cell.name,
          rate(own),
          rate(other),
          `${other?.keepwarmRatio.toFixed(2) ?? "-"}x`,
          both(({ p99us }) => (p99us / 1000).toFixed(2)),
          both(({ serverCpu }) => serverCpu.toFixed(3)),
        ];
      }),
    ),
    "SET is a PUT and an EXIST behind it, since PUT has no reply.",
    "## Goals",
    verdicts(cells)
      .map((line) => `- ${line}`)
      .join("\n"),
  ]
    .join("\n\n")
    .concat("\n");
}

/** `"met: 8 connections: at least 3x lmcache_server (closest: SET 4MiB c8 4.20x)"` */
export function verdicts(cells: readonly CellResult[]): string[] {
  return goals.map(({ text, connections, bound }) => {
    const ratios = cells
      .filter(({ cell }) => cell.connections === connections)
      .flatMap(({ cell, peers }) => {
        const other = peers[lmcacheServer];
        const sound = other && other.trouble === undefined && peers[subject]?.trouble === undefined;
        return sound ? [{ name: cell.name, ratio: other.keepwarmRatio }] : [];
      })
      .toSorted((a, b) => a.ratio - b.ratio);
    if (ratios.length === 0) return `not measured: ${text}`;
    const bad = ratios.filter(({ ratio }) => ratio < bound);
    const shown = (bad.length > 0 ? bad : ratios.slice(0, 1)).map(
      ({ name, ratio }) => `${name} ${ratio.toFixed(2)}x`,
    );
    const label = bad.length > 0 ? `${bad.length} of ${ratios.length} cells` : "closest";
    return `${bad.length > 0 ? "missed" : "met"}: ${text} (${label}: ${shown.join(", ")})`;
  });
}

function rate(peer: PeerResult | undefined): string {
  if (peer === undefined) return "-";
  return `${(peer.rate / 1e9).toFixed(2)}${peer.trouble === undefined ? "" : ` ! ${peer.trouble}`}`;
}
