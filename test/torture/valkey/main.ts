// What becomes of calls when servers and networks fail, ours beside other clients in the same run:
// `npm run torture -- valkey --only primary-killed`. What our client must not do fails the run.
import { parseArgs } from "node:util";
import { clients } from "./clients/index.ts";
import { renderTorture } from "./report.ts";
import { scenarios } from "./scenarios.ts";
import { busyMs, torture, type ScenarioResult } from "./torture.ts";

const USAGE = `npm run torture -- valkey [--only NAME,…] [--clients NAME,…] [--seconds N (10)] [--deadline MS (1000)]
    [--engine redis|valkey (valkey)] [--json]

Each client puts and gets 50 blocks a second of 64 KiB to 1 MiB and looks others up, in a process of its own, while
something fails; --seconds is how long it is watched afterwards. All of it takes about four minutes.
Fails (exit code 1) when the Keepwarm client brings a wrong byte, leaves a rejection unhandled, lets a call take more
than 100 ms beyond its deadline (the time the machine kept it waiting taken off), lets memory grow beyond 256 MiB, or
does not recover. In scenarios marked * no call of it may fail at all, unless the machine was busy with other things: the
last but one table tells.

scenarios:
${scenarios.map(({ name, summary, harmless }) => `${harmless ? "*" : " "} ${name.padEnd(15)} ${summary}`).join("\n")}
clients: ${Object.keys(clients).join(", ")}`;

const { values: flags } = parseArgs({
  args: process.argv.slice(3),
  options: {
    only: { type: "string" },
    clients: { type: "string", default: Object.keys(clients).join(",") },
    seconds: { type: "string", default: "10" },
    deadline: { type: "string", default: "1000" },
    engine: { type: "string", default: "valkey" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (flags.help) {
  console.log(USAGE);
  process.exit(0);
}

const chosen = pick(
  "scenario",
  flags.only,
  scenarios.map(({ name }) => name),
);
const options = {
  engine: pick("engine", flags.engine, ["redis", "valkey"])[0] as "redis" | "valkey",
  clients: pick("client", flags.clients, Object.keys(clients)),
  watchMs: 1000 * positive("seconds", flags.seconds),
  deadlineMs: positive("deadline", flags.deadline),
  progress: (text: string) => console.error(`torture: ${text}`),
};
const results: ScenarioResult[] = [];
for (const scenario of scenarios.filter(({ name }) => chosen.includes(name)))
  results.push(await torture(scenario, options));

const problems = results.flatMap(({ scenario, clients: all }) =>
  all.flatMap((each) => each.problems.map((what) => `${scenario}, ${each.client}: ${what}`)),
);
console.log(
  flags.json ? JSON.stringify({ results, problems }, undefined, 2) : renderTorture(results),
);
for (const { scenario, clients: all } of results)
  for (const { client, blocked } of all)
    if (client === "keepwarm" && blocked > busyMs)
      console.error(
        `torture: ${scenario}: the machine was busy, ${client} could do nothing for ${Math.round(blocked)} ms`,
      );
for (const problem of problems) console.error(`torture: ${problem}`);
console.error(`torture: ${problems.length > 0 ? "FAILED" : "nothing wrong"}`);
process.exit(problems.length > 0 ? 1 : 0);

/** Names from a list with commas. */
function pick(what: string, given: string | undefined, known: readonly string[]): string[] {
  const names = given?.split(",").map((name) => name.trim()) ?? [...known];
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) refuse(`there is no ${what} ${unknown}: ${known.join(", ")}`);
  return names;
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0)) refuse(`--${name} is a number above 0`);
  return value;
}

function refuse(why: string): never {
  console.error(`torture: ${why}`);
  process.exit(2);
}
