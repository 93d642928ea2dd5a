// Servers that are killed at random instants and must have kept what they acknowledged:
// `npm run torture -- ssd --cycles 200 --seed 7`.
//
// Clients write, replace, delete and read blocks of 1 KiB to 4 MiB, with expiry, in pairs and several at
// a time, until the server is killed with SIGKILL. It is started again on the same directory, and every
// block that was acknowledged must be there byte by byte (durability fsync), none that was deleted may
// come back, and no read, not even while the index is loaded, may bring anything else than a value of
// that key.
import { parseArgs } from "node:util";
import { parseBytes } from "../../src/util/units.ts";
import { randomFrom } from "../fuzz/random.ts";
import { Lane, type LaneCounts, type LaneOptions } from "./lane.ts";

const USAGE = `npm run torture -- ssd [--cycles N (200)] [--seed N (random)] [--durability none|async|fsync (fsync)]
    [--write through|selective|back (through)] [--size BYTES (512MiB)] [--lanes N (2)]`;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    cycles: { type: "string", default: "200" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    durability: { type: "string", default: "fsync" },
    write: { type: "string", default: "through" },
    size: { type: "string", default: "512MiB" },
    lanes: { type: "string", default: "2" },
    help: { type: "boolean", default: false },
  },
});
if (options.help || positionals.join(" ") !== "ssd") {
  console.log(USAGE);
  process.exit(options.help ? 0 : 2);
}

const cycles = Number(options.cycles);
const seed = Number(options.seed);
const began = Date.now();
console.log(
  `torture: ${cycles} cycles from seed ${seed}, durability ${options.durability}, write ${options.write}`,
);
const lanes = Array.from(
  { length: Number(options.lanes) },
  (_, at) =>
    new Lane({
      random: randomFrom(seed + at),
      durability: options.durability as LaneOptions["durability"],
      write: options.write as LaneOptions["write"],
      sizeBytes: parseBytes(options.size),
    }),
);
let begun = 0;
let reportAt = Date.now() + 10_000;
const failed = new Set<Lane>();
await Promise.all(lanes.map(run));
for (const lane of lanes) {
  for (const [message, times] of lane.errors) console.log(`torture: ${times} times: ${message}`);
  if (!failed.has(lane)) await lane.cleanUp();
}
console.log(`torture: ${report()}: ${failed.size > 0 ? "FAILED" : "nothing wrong"}`);
process.exit(failed.size > 0 ? 1 : 0);

async function run(lane: Lane): Promise<void> {
  while (begun < cycles && failed.size === 0) {
    begun++;
    try {
      await lane.cycle();
    } catch (error) {
      failed.add(lane);
      console.error(`torture: cycle ${lane.counts.cycles + 1} of its lane: ${String(error)}`);
      console.error(`torture: seed ${seed}; the data directory is kept: ${lane.directory}`);
      if (lane.log !== "") console.error(lane.log);
    }
    if (Date.now() < reportAt) continue;
    reportAt = Date.now() + 10_000;
    console.log(`torture: ${report()}`);
  }
}

function sum(name: keyof LaneCounts): number {
  return lanes.reduce((total, { counts }) => total + counts[name], 0);
}

function report(): string {
  const seconds = Math.round((Date.now() - began) / 1000);
  return [
    `${sum("cycles")} kills in ${seconds} s (${sum("killedWhileLoading")} while loading)`,
    `${sum("acknowledged")} blocks acknowledged (${Math.round(sum("acknowledgedBytes") / 1e6)} MB)`,
    `${sum("proven")} found whole after a restart`,
    `${sum("reads")} reads, ${sum("misses")} misses, ${sum("errorReplies")} error replies`,
  ].join(", ");
}
