import { withServer } from "../server/connect.ts";
import { formatBytes, formatCount, formatDuration } from "../../util/units.ts";
import { ExitCode } from "../exit-code.ts";
import { clientOptions, example, type ClientFlags } from "../options.ts";
import type { Output } from "../output.ts";
import { codedFacts } from "../server/coding-facts.ts";
import { remoteFacts } from "../server/remote-facts.ts";
import { takeSnapshot, type Snapshot } from "../server/snapshot.ts";
import { hitRatio, tierFacts } from "../server/tier-facts.ts";
import type { DefineVerb, VerbContext } from "../verb.ts";

export const define: DefineVerb = (command, bind) => {
  clientOptions(command).action(bind(run));
  example(command, "keepwarm describe --json | jq .tiers");
};

async function run({ io, out }: VerbContext, flags: ClientFlags): Promise<ExitCode> {
  return withServer(flags, io, async (connection) => {
    const snapshot = await takeSnapshot(connection);
    if (snapshot.product !== "keepwarm")
      out.note(`${connection.label} is ${snapshot.product}: this is what its INFO tells`);
    out.result({ url: connection.label, ...snapshot }, () =>
      [
        out.facts(serverFacts(connection.label, snapshot)),
        ...snapshot.tiers.map((tier) => out.facts(tierFacts(tier, out.paint))),
        snapshot.coded === undefined ? "" : out.facts(codedFacts(snapshot.coded, out.paint)),
        ...(snapshot.remotes ?? []).map((remote) => out.facts(remoteFacts(remote, out.paint))),
        snapshot.lm === undefined ? "" : out.facts(lmFacts(snapshot)),
        commandTable(out, snapshot),
      ]
        .filter((part) => part !== "")
        .join(out.isTerminal ? "\n" : ""),
    );
    return ExitCode.ok;
  });
}

function serverFacts(label: string, snapshot: Snapshot): [string, string | undefined][] {
  const { clients, traffic, keyspace } = snapshot;
  const limit = clients.max > 0 ? ` of ${formatCount(clients.max)}` : "";
  const rejected = clients.rejected > 0 ? `, ${formatCount(clients.rejected)} rejected` : "";
  return [
    ["server", `${snapshot.product} ${snapshot.version} at ${label}`],
    ["process", `pid ${snapshot.pid}${snapshot.node ? `, Node ${snapshot.node}` : ""}`],
    ["uptime", formatDuration(snapshot.uptimeSeconds * 1000)],
    ["clients", `${formatCount(clients.connected)}${limit}${rejected}`],
    ["commands", formatCount(traffic.commands)],
    ["received", formatBytes(traffic.bytesIn)],
    ["sent", formatBytes(traffic.bytesOut)],
    ["key hits", `${hitRatio(keyspace)} of ${formatCount(keyspace.hits + keyspace.misses)}`],
  ];
}

function lmFacts({ lm, listeners }: Snapshot): [string, string | undefined][] {
  if (lm === undefined) return [];
  return [
    ["front", `lm at ${listeners?.["lm"] ?? "?"}`],
    ["clients", `${formatCount(lm.clients.connected)} of ${formatCount(lm.clients.max)}`],
    ["gets", `${formatCount(lm.gets)}, ${hitRatio(lm)} hits`],
    [
      "puts",
      `${formatCount(lm.puts)}${lm.dropped > 0 ? `, ${formatCount(lm.dropped)} dropped` : ""}`,
    ],
    ["received", formatBytes(lm.bytesIn)],
    ["sent", formatBytes(lm.bytesOut)],
  ];
}

function commandTable(out: Output, { commands }: Snapshot): string {
  if (commands === undefined) return "";
  const rows = Object.entries(commands)
    .filter(([, { calls }]) => calls > 0)
    .toSorted(([, a], [, b]) => b.calls - a.calls)
    .map(([name, { calls, p50Us, p99Us }]) => [
      name,
      formatCount(calls),
      formatDuration(p50Us / 1000),
      formatDuration(p99Us / 1000),
    ]);
  if (rows.length === 0) return "";
  return out.table(
    [
      { title: "COMMAND" },
      { title: "CALLS", align: "right" },
      { title: "P50", align: "right" },
      { title: "P99", align: "right" },
    ],
    rows,
  );
}
