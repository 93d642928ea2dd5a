import { formatBytes, formatDuration } from "../../src/util/units.ts";
import { markdownTable } from "../support/markdown.ts";
import { isSmall } from "./cells.ts";
import { judge, type Verdict } from "./goals.ts";
import { ceiling, peerRank, subject } from "./peers.ts";
import type { CellResult, PeerResult, ServerResults } from "./results.ts";

interface Section {
  readonly title: string;
  readonly results: readonly CellResult[];
  readonly rateUnit: string;
  readonly cpuUnit: string;
}

/** The whole report as Markdown. */
export function renderMarkdown(results: ServerResults): string {
  return [
    "# Keepwarm against Redis and Valkey",
    machineLines(results).join("\n"),
    ...sections(results.cells).map(renderSection),
    ...limitLines(results),
    "## Goals",
    judge(results.cells)
      .map((verdict) => `- ${verdictLine(verdict)}`)
      .join("\n"),
  ]
    .join("\n\n")
    .concat("\n");
}

/** `"met     SET of 7 MiB: at least 3x stock redis (SET 7MiB c8 4.31x, ...)"`, the worst cell first. */
export function verdictLine({ text, outcome, cells }: Verdict): string {
  if (cells.length === 0) return `${outcome}: ${text}`;
  const bad = cells.filter(({ met }) => !met);
  const shown = (bad.length > 0 ? bad : cells.slice(0, 1)).map(
    ({ name, ratio }) => `${name} ${ratio.toFixed(2)}x`,
  );
  const label = bad.length > 0 ? `${bad.length} of ${cells.length} cells` : "closest";
  return `${outcome}: ${text} (${label}: ${shown.join(", ")})`;
}

/** One line of a finished cell for the terminal. */
export function cellLine(result: CellResult): string {
  const { rateUnit } = sections([result])[0];
  const peers = Object.entries(result.peers).map(([name, peer]) => {
    const ratio = name === subject ? "" : ` (${peer.keepwarmRatio.toFixed(2)}x)`;
    const trouble = peer.trouble === undefined ? "" : ` ! ${peer.trouble}`;
    return `${name} ${rate(result, peer)}${ratio}${trouble}`;
  });
  const driver = result.driver === "load" ? "" : "redis-benchmark ";
  return `${driver}${result.cell.name} ${rateUnit}: ${peers.join(" · ")}`;
}

function sections(cells: readonly CellResult[]): Section[] {
  const of = (driver: CellResult["driver"], small: boolean) =>
    cells.filter((result) => result.driver === driver && isSmall(result.cell) === small);
  const moving = { rateUnit: "GB/s", cpuUnit: "s/GB" };
  const small = { rateUnit: "k/s", cpuUnit: "us each" };
  return [
    { title: "Values", results: of("load", false), ...moving },
    { title: "Small commands", results: of("load", true), ...small },
    { title: "Values, by redis-benchmark", results: of("redis-benchmark", false), ...moving },
    { title: "Small commands, by redis-benchmark", results: of("redis-benchmark", true), ...small },
  ].filter(({ results }) => results.length > 0);
}

function renderSection({ title, results, rateUnit, cpuUnit }: Section): string {
  const names = [...new Set(results.flatMap(({ peers }) => Object.keys(peers)))].toSorted(
    (a, b) => peerRank(a) - peerRank(b),
  );
  const rates = results.map((result) => [
    result.cell.name,
    ...names.map((name) => withRatio(result, name)),
  ]);
  const costs = results.map((result) => [
    result.cell.name,
    ...names.map((name) => cost(result.peers[name])),
  ]);
  const troubles = results.flatMap(({ cell, peers }) =>
    Object.entries(peers)
      .filter(([, peer]) => peer.trouble !== undefined)
      .map(([name, peer]) => `- (!) ${cell.name}, ${name}: ${peer.trouble}`),
  );
  return [
    `## ${title}`,
    `${rateUnit}; in brackets Keepwarm over this server, the median of the rounds' ratios.`,
    markdownTable(["", ...names], rates),
    `p99 latency, and server CPU in ${cpuUnit}:`,
    markdownTable(["", ...names], costs),
    ...(troubles.length > 0 ? [troubles.join("\n")] : []),
  ].join("\n\n");
}

function withRatio(result: CellResult, name: string): string {
  const peer = result.peers[name];
  if (peer === undefined) return "-";
  const mark = peer.trouble === undefined ? "" : " (!)";
  const own = result.peers[subject];
  const ratio = name === subject || !own ? "" : ` (${peer.keepwarmRatio.toFixed(2)}x)`;
  return `${rate(result, peer)}${ratio}${mark}`;
}

function rate({ cell }: CellResult, peer: PeerResult): string {
  if (Number.isNaN(peer.rate)) return "-";
  return isSmall(cell) ? (peer.rate / 1000).toFixed(0) : gigabytes(peer.rate);
}

/** Three digits, so that small values show too: `"0.0213"`, `"0.213"`, `"2.13"`, `"21.3"`. */
function gigabytes(bytesPerSecond: number): string {
  return Number((bytesPerSecond / 1e9).toPrecision(3)).toString();
}

function cost(peer: PeerResult | undefined): string {
  if (peer === undefined || Number.isNaN(peer.p99us)) return "-";
  const cpu = peer.serverCpu >= 10 ? peer.serverCpu.toFixed(1) : peer.serverCpu.toFixed(2);
  return `${formatDuration(peer.p99us / 1000)}, ${cpu}`;
}

function machineLines({ machine, versions, settings }: ServerResults): string[] {
  const servers = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  const trials = `${settings.rounds} interleaved rounds of ${settings.trialSeconds} s trials`;
  return [
    `- ${machine.date.slice(0, 10)}, Keepwarm ${machine.keepwarm}`,
    `- ${machine.cores} x ${machine.cpu}, ${formatBytes(machine.memoryBytes)}, Linux ${machine.kernel}`,
    `- loopback TCP, congestion control ${machine.congestionControl}; ${trials}, medians`,
    `- ${servers.join(", ")}`,
    `- GB = 1e9 bytes; c = connections, P = commands in a pipeline; ${ceiling}: no store at all`,
  ];
}

function limitLines({ limits }: ServerResults): string[] {
  if (limits === undefined) return [];
  const { bytesPerSecond, senderCpu, receiverCpu } = limits.nodeToNode;
  return [
    "## Limit",
    `Node to Node over loopback without a protocol: ${(bytesPerSecond / 1e9).toFixed(2)} GB/s, ` +
      `sender ${senderCpu.toFixed(3)} s/GB, receiver ${receiverCpu.toFixed(3)} s/GB.`,
  ];
}
