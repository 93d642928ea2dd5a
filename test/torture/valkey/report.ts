import { formatBytes } from "../../../src/util/units.ts";
import type { ClientResult, ScenarioResult } from "./torture.ts";

type Cell = (result: ClientResult) => string;

const milliseconds = (value: number | undefined): string =>
  value === undefined ? "none again" : String(Math.round(value));

/** A table for each: a row a scenario, a column a client. */
const tables: readonly (readonly [title: string, cell: Cell])[] = [
  [
    "Gap in service, ms: longest time without a put / a get that succeeded",
    ({ gapOfPuts, gapOfGets }) => `${milliseconds(gapOfPuts)} / ${milliseconds(gapOfGets)}`,
  ],
  ["Calls that did not succeed, from the harm on", notSuccessful],
  [
    "Longest call, ms (beyond its deadline, without what the machine held up)",
    ({ longest, late }) => `${milliseconds(longest)} (${milliseconds(late)})`,
  ],
  [
    "Wrong blocks, unhandled rejections, calls that never ended",
    ({ wrong, unhandled, open }) => `${wrong}, ${unhandled}, ${open}`,
  ],
  ["Growth of memory", ({ memoryGrowth }) => formatBytes(Math.round(memoryGrowth))],
  ["Longest time the event loop stood still, ms", ({ blocked }) => milliseconds(blocked)],
  ["All well again at the end", ({ back }) => (back ? "yes" : "no")],
];

function notSuccessful({ unsuccessful, calls, heldBack }: ClientResult): string {
  return `${unsuccessful} of ${calls}${heldBack > 0 ? ` (${heldBack} held back)` : ""}`;
}

/** The results as aligned tables. */
export function renderTorture(results: readonly ScenarioResult[]): string {
  const clients = [...new Set(results.flatMap(({ clients }) => clients.map((c) => c.client)))];
  return tables
    .map(([title, cell]) => {
      const rows = results.map(({ scenario, clients: all }) => [
        scenario,
        ...clients.map((name) => {
          const result = all.find(({ client }) => client === name);
          return result === undefined ? "" : cell(result);
        }),
      ]);
      return `${title}\n${aligned([["", ...clients], ...rows])}`;
    })
    .join("\n\n");
}

function aligned(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows
    .map((row) => row.map((text, column) => text.padEnd(widths[column])).join("  "))
    .map((line) => `  ${line.trimEnd()}`)
    .join("\n");
}
