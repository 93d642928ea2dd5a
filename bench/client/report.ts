import type { machineFacts } from "../support/machine.ts";
import { markdownTable } from "../support/markdown.ts";
import { median } from "../support/stats.ts";
import type { Cell } from "./cells.ts";
import { verdicts } from "./goals.ts";
import type { EngineSamples } from "./samples.ts";

const figures = [
  ["GB/s", "gbPerSecond", 2],
  ["client CPU, s/GB", "cpuPerGb", 2],
  ["p99 of a call, ms", "p99Ms", 1],
] as const;

/** For each server what became of the goals, and a table for each figure: a row a cell, a column a client. */
export function renderClients(
  cells: readonly Cell[],
  engines: readonly EngineSamples[],
  { facts, setting }: { facts: ReturnType<typeof machineFacts>; setting: string },
): string {
  const head = [
    "# Clients",
    `${setting}; ${Object.values(facts).join(", ")}`,
    "`c8`: eight calls wait at the same time; `b128`: calls with 128 values each. Libraries have one connection. `-`: the client failed, or was not measured.",
  ];
  return [...head, ...engines.flatMap((each) => sections(cells, each))].join("\n\n");
}

function sections(cells: readonly Cell[], { engine, rounds, samples }: EngineSamples): string[] {
  const [first] = samples.values();
  const clients = [...(first?.keys() ?? [])];
  const tables = figures.map(([title, field, digits]) => {
    const rows = cells.map(({ name }) => [
      name,
      ...clients.map((client) => {
        const results = samples.get(name)?.get(client) ?? [];
        if (results.length === 0) return "-";
        return median(results.map((result) => result[field])).toFixed(digits);
      }),
    ]);
    return `### ${title}\n\n${markdownTable(["", ...clients], rows)}`;
  });
  const goals = verdicts(cells, samples).map((line) => `- ${line}`);
  return [`## ${engine}-server, ${rounds} rounds`, goals.join("\n"), ...tables];
}
