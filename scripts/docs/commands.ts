import type { CommandSpec } from "../../src/fronts/resp/command.ts";
import { commandSpecs } from "../../src/fronts/resp/commands/index.ts";
import { table } from "./regions.ts";

const titles: Readonly<Record<CommandSpec["group"], string>> = {
  string: "Blocks and other plain values",
  keepwarm: "Keepwarm's own",
  generic: "Keys",
  list: "Lists",
  hash: "Hashes",
  transactions: "Transactions",
  connection: "Connections",
  server: "The server",
  cluster: "Cluster of one node",
  scripting: "Scripts",
};

/** Every command of the RESP front in tables by group, from the table that the server runs by. */
export function commandTables(): string {
  return Object.entries(titles)
    .map(([group, title]) => {
      const rows = commandSpecs
        .filter((spec) => spec.group === group)
        .map(({ name, arity, flags, summary }) => [
          `\`${name.toUpperCase()}\``,
          String(arity),
          flags.join(", "),
          summary,
        ]);
      return `### ${title}\n\n${table(["command", "arity", "flags", "what it does"], rows)}`;
    })
    .join("\n\n");
}
