import type { MachineFacts } from "../support/machine.ts";
import { markdownTable } from "../support/markdown.ts";
import { median } from "../support/stats.ts";
import type { ChannelTrial } from "./trial.ts";

/** The trials of one client on one server with one batch size. */
export interface ChannelCell {
  readonly server: string;
  readonly batch: number;
  readonly client: string;
  readonly trials: readonly ChannelTrial[];
}

/** A whole run, as kept in `results/channel.json`. */
export interface ChannelResults {
  readonly machine: MachineFacts;
  readonly node: string;
  readonly settings: { readonly trialSeconds: number; readonly rounds: number };
  readonly cells: readonly ChannelCell[];
}

const middle = (cell: ChannelCell, pick: (trial: ChannelTrial) => number): number =>
  median(cell.trials.map(pick));

/** The whole report as Markdown. */
export function renderChannelMarkdown({ machine, node, settings, cells }: ChannelResults): string {
  const { date, cpu, cores, kernel, keepwarm } = machine;
  const { rounds, trialSeconds } = settings;
  return [
    "# Token samples a second",
    [
      `- ${date.slice(0, 10)}, ${cpu}, ${cores} cores, Linux ${kernel}; Keepwarm ${keepwarm} on Node ${node}`,
      `- loopback; median of ${rounds} interleaved trials of ${trialSeconds} s; one process writes, then drains`,
      "- batch: requests that are generated at once; ratios are to the first row of ioredis with the same server and batch",
    ].join("\n"),
    markdownTable(
      ["server", "batch", "client", "written k/s", "drained k/s", "client CPU us each", "lost"],
      cells.map((cell) => rowOf(cell, cells)),
    ),
  ]
    .join("\n\n")
    .concat("\n");
}

/** `"valkey, batch 64, keepwarm channel: 150.1 k/s written, 400.0 k/s drained"` */
export function channelLine(cell: ChannelCell): string {
  const { server, batch, client } = cell;
  const written = thousands(middle(cell, ({ writtenPerSecond }) => writtenPerSecond));
  const drained = thousands(middle(cell, ({ drainedPerSecond }) => drainedPerSecond));
  return `${server}, batch ${batch}, ${client}: ${written} k/s written, ${drained} k/s drained`;
}

function rowOf(cell: ChannelCell, cells: readonly ChannelCell[]): string[] {
  const naive = cells.find(
    ({ server, batch, client }) =>
      server === cell.server && batch === cell.batch && client.startsWith("ioredis"),
  );
  const compared = (pick: (trial: ChannelTrial) => number) => {
    const own = middle(cell, pick);
    const ratio =
      naive === undefined || naive === cell ? "" : ` (${(own / middle(naive, pick)).toFixed(1)}x)`;
    return `${thousands(own)}${ratio}`;
  };
  return [
    cell.server,
    String(cell.batch),
    cell.client,
    compared(({ writtenPerSecond }) => writtenPerSecond),
    compared(({ drainedPerSecond }) => drainedPerSecond),
    middle(cell, ({ clientCpu }) => clientCpu).toFixed(1),
    String(cell.trials.reduce((sum, { lost }) => sum + lost, 0)),
  ];
}

function thousands(perSecond: number): string {
  return (perSecond / 1000).toFixed(1);
}
