import { plural } from "../render/plural.ts";
import { KeepwarmError } from "../../errors.ts";
import { nativeKey } from "../../keys/native.ts";
import { Histogram } from "../../observe/histogram.ts";
import { formatBytes, formatCount, formatDuration, parseBytes } from "../../util/units.ts";
import { ExitCode } from "../exit-code.ts";
import { closeConnections, makeLanes, openConnections, removeKeys } from "../load/connections.ts";
import { inLanes } from "../load/lanes.ts";
import { gigabytesPerSecond, latencySummary, type LatencySummary } from "../load/latency.ts";
import { BlockPattern, minBlockBytes } from "../load/pattern.ts";
import { clientOptions, example, type ClientFlags } from "../options.ts";
import { parseCount } from "../parse.ts";
import type { DefineVerb, VerbContext } from "../verb.ts";

interface BenchFlags extends ClientFlags {
  readonly size: string;
  readonly total: string;
  readonly keys: string;
  readonly connections: string;
  readonly depth: string;
}

export const define: DefineVerb = (command, bind) => {
  clientOptions(
    command
      .option("--size <size>", "bytes of a block", "1MiB")
      .option("--total <size>", "bytes to write, and to read", "1GiB")
      .option("--keys <n>", "different blocks", "64")
      .option("--connections <n>", "connections to the server", "4")
      .option("--depth <n>", "blocks in flight on each", "2"),
  ).action(bind(run));
  example(command, "keepwarm bench --size 4MiB --total 2GiB");
};

/** One direction of the load. */
interface Phase {
  readonly operation: "set" | "get";
  readonly blocks: number;
  readonly bytes: number;
  readonly elapsedMs: number;
  readonly gigabytesPerSecond: number;
  readonly latency: LatencySummary;
}

async function run({ io, out }: VerbContext, flags: BenchFlags): Promise<ExitCode> {
  const blockBytes = parseBytes(flags.size);
  if (blockBytes < minBlockBytes)
    throw new KeepwarmError("INPUT_INVALID", `--size ${flags.size} is too small`, {
      remedy: `A block that can be verified has at least ${minBlockBytes} bytes.`,
    });
  const keys = parseCount(flags.keys, "--keys", 1);
  const operations = Math.max(1, Math.round(parseBytes(flags.total) / blockBytes));
  const depth = parseCount(flags.depth, "--depth", 1);
  const connections = await openConnections(
    parseCount(flags.connections, "--connections", 1),
    flags,
    io,
  );
  const pattern = new BlockPattern(blockBytes);
  const lanes = makeLanes(connections, depth, (connection) => ({
    connection,
    memory: Buffer.allocUnsafeSlow(blockBytes),
  }));
  let missing = 0;
  let corrupt = 0;
  const phase = async (
    operation: Phase["operation"],
    work: (id: number, lane: (typeof lanes)[number]) => Promise<void>,
  ): Promise<Phase> => {
    const histogram = new Histogram();
    const started = performance.now();
    await inLanes(Array(operations).keys(), lanes, async (index, lane) => {
      io.signal.throwIfAborted();
      const sent = performance.now();
      await work(index % keys, lane);
      histogram.record(performance.now() - sent);
    });
    const elapsedMs = performance.now() - started;
    const bytes = operations * blockBytes;
    return {
      operation,
      blocks: operations,
      bytes,
      elapsedMs,
      gigabytesPerSecond: gigabytesPerSecond(bytes, elapsedMs),
      latency: latencySummary(histogram),
    };
  };
  try {
    const phases = [
      await phase("set", (id, lane) => lane.connection.set(keyOf(id), pattern.parts(id))),
      await phase("get", async (id, { connection, memory }) => {
        const length = await connection.getInto(keyOf(id), memory);
        if (length === undefined) missing++;
        else if (!pattern.matches(id, memory, length)) corrupt++;
      }),
    ];
    const [{ label: url }] = connections;
    out.result({ url, blockBytes, keys, lanes: lanes.length, phases, missing, corrupt }, () =>
      out.table(
        [
          { title: "OPERATION" },
          { title: "BLOCKS", align: "right" },
          { title: "BLOCK", align: "right" },
          { title: "SPEED", align: "right" },
          { title: "P50", align: "right" },
          { title: "P99", align: "right" },
        ],
        phases.map((phase) => [
          phase.operation,
          formatCount(phase.blocks),
          formatBytes(blockBytes),
          `${phase.gigabytesPerSecond.toFixed(2)} GB/s`,
          formatDuration(phase.latency.p50Ms),
          formatDuration(phase.latency.p99Ms),
        ]),
      ),
    );
    if (corrupt > 0) out.warn(`${plural(corrupt, "block")} came back with wrong bytes`);
    if (missing > 0) out.warn(`${plural(missing, "block")} were gone when they were read`);
    if (corrupt > 0) return ExitCode.failed;
    return missing > 0 ? ExitCode.degraded : ExitCode.ok;
  } finally {
    await removeKeys(
      connections[0],
      Array.from({ length: keys }, (_, id) => keyOf(id)),
    );
    await closeConnections(connections);
  }
}

function keyOf(id: number): string {
  return nativeKey({ model: "bench", hash: id.toString(16).padStart(16, "0"), dtype: "uint8" });
}
