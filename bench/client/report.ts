import type { machineFacts } from "../support/machine.ts";
import { markdownTable } from "../support/markdown.ts";
import { median } from "../support/stats.ts";
import type { Cell } from "./cells.ts";
import type { TrialResult } from "./trial.ts";

/** Results by cell and client. */
export type ClientSamples = Map<string, Map<string, TrialResult[]>>;

const figures = [
  ["GB/s", "gbPerSecond", 2],
  ["client CPU, s/GB", "cpuPerGb", 2],
  ["p99 of a call, ms", "p99Ms", 1],
] as const;

/** A table for each figure: a row a cell, a column a client, medians of the rounds. */
export function renderClients(
  cells: readonly Cell[],
  samples: ClientSamples,
  { facts, setting }: { facts: ReturnType<typeof machineFacts>; setting: string },
): string {
  const [first] = samples.values();
  const clients = [...(first?.keys() ?? [])];
  const tables = figures.map(([title, field, digits]) => {
    const rows = cells.map(({ name }) => [
      name,
      ...clients.map((client) => {
        const results = samples.get(name)?.get(client) ?? [];
        return median(results.map((result) => result[field])).toFixed(digits);
      }),
    ]);
    return `## ${title}\n\n${markdownTable(["", ...clients], rows)}`;
  });
  const head = [
    "# Clients",
    `${setting}; ${Object.values(facts).join(", ")}`,
    "`c8`: eight calls wait at the same time; `b128`: calls with 128 values each. Libraries have one connection.",
  ];
  return [...head, ...tables].join("\n\n");
}
