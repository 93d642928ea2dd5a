import { plural } from "../render/plural.ts";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir, totalmem } from "node:os";
import { join, resolve } from "node:path";
import { KeepwarmError } from "../../errors.ts";
import { nativeKey } from "../../keys/native.ts";
import { formatBytes, parseBytes } from "../../util/units.ts";
import { ExitCode } from "../exit-code.ts";
import type { CliIo } from "../io.ts";
import { closeConnections, makeLanes, openConnections, removeKeys } from "../load/connections.ts";
import { BlockPattern, minBlockBytes, mix } from "../load/pattern.ts";
import type { ClientFlags } from "../options.ts";
import { parseCount } from "../parse.ts";
import { Progress } from "../render/progress.ts";
import { knowsCommand, takeSnapshot } from "../server/snapshot.ts";
import { spawnServer } from "../server/spawn.ts";
import { diskFor, memoryFor, prepareStore } from "../trace/prepare.ts";
import { readTrace } from "../trace/read.ts";
import { replay } from "../trace/replay.ts";
import { progressLine, replayFacts, replayReport } from "../trace/report.ts";
import { RespReplayStore } from "../trace/resp-store.ts";
import { TraceCounter } from "../trace/summary.ts";
import type { VerbContext } from "../verb.ts";

interface ReplayFlags extends ClientFlags {
  readonly blockSize: string;
  readonly blockTokens?: string;
  readonly capacityBlocks?: string;
  readonly ssdCapacityBlocks?: string;
  readonly policy?: string;
  readonly requests?: string;
  readonly connections: string;
  readonly depth: string;
  readonly spawn?: boolean;
  readonly keep?: boolean;
}

/** `keepwarm trace replay FILE` */
export async function traceReplay(
  context: VerbContext,
  flags: ReplayFlags,
  file: string,
): Promise<ExitCode> {
  const plan = readPlan(flags, file, context.io);
  const trace = await countTrace(plan, context.io);
  if (!flags.spawn) return replayInto(context, flags, plan, trace);
  const ram = ramFlags(plan, trace);
  const { ssdCapacityBlocks } = plan;
  if (ssdCapacityBlocks === undefined) return replayIntoOwn(context, flags, plan, trace, ram);
  const directory = await mkdtemp(join(tmpdir(), "keepwarm-replay-"));
  try {
    const disk = await diskFlags(ssdCapacityBlocks, plan.blockBytes, directory);
    return await replayIntoOwn(context, flags, plan, trace, [...ram, ...disk]);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function replayIntoOwn(
  context: VerbContext,
  flags: ReplayFlags,
  plan: Plan,
  trace: TraceCounter,
  serverFlags: readonly string[],
): Promise<ExitCode> {
  const server = await spawnServer(serverFlags, context.io.env);
  try {
    return await replayInto(context, { ...flags, url: server.url, keep: true }, plan, trace);
  } finally {
    await server.stop();
  }
}

interface Plan {
  readonly file: string;
  readonly path: string;
  readonly blockBytes: number;
  readonly blockTokens: number | undefined;
  readonly capacityBlocks: number | undefined;
  readonly ssdCapacityBlocks: number | undefined;
  readonly policy: string | undefined;
  readonly requests: number;
  readonly connections: number;
  readonly depth: number;
}

function readPlan(flags: ReplayFlags, file: string, io: CliIo): Plan {
  const blockBytes = parseBytes(flags.blockSize);
  if (blockBytes < minBlockBytes)
    throw new KeepwarmError("INPUT_INVALID", `--block-size ${flags.blockSize} is too small`, {
      remedy: `A block that can be verified has at least ${minBlockBytes} bytes.`,
    });
  if (flags.ssdCapacityBlocks !== undefined && flags.spawn !== true)
    throw new KeepwarmError("INPUT_INVALID", "--ssd-capacity-blocks needs a server of its own", {
      remedy: "Add --spawn, or start a server with --ssd-dir and --ssd-max-blocks and name it.",
    });
  return {
    file,
    path: resolve(io.cwd, file),
    blockBytes,
    blockTokens: optionalCount(flags.blockTokens, "--block-tokens"),
    capacityBlocks: optionalCount(flags.capacityBlocks, "--capacity-blocks"),
    ssdCapacityBlocks: optionalCount(flags.ssdCapacityBlocks, "--ssd-capacity-blocks"),
    policy: flags.policy,
    requests: optionalCount(flags.requests, "--requests") ?? Infinity,
    connections: parseCount(flags.connections, "--connections", 1),
    depth: parseCount(flags.depth, "--depth", 1),
  };
}

function optionalCount(text: string | undefined, flag: string): number | undefined {
  return text === undefined ? undefined : parseCount(text, flag, 1);
}

/** Reads the whole trace once: its errors shall show before a store is touched. */
async function countTrace(plan: Plan, io: CliIo): Promise<TraceCounter> {
  const counter = new TraceCounter();
  for await (const request of readTrace(plan.path, { limit: plan.requests, name: plan.file })) {
    io.signal.throwIfAborted();
    counter.add(request);
  }
  return counter;
}

/** A server that keeps as many blocks as were asked for, or all; grace would bend the policy. */
function ramFlags(plan: Plan, trace: TraceCounter): string[] {
  const blocks = plan.capacityBlocks ?? Math.max(1, trace.ids.size);
  const bytes = Math.ceil(memoryFor(blocks, plan.blockBytes) * 1.05) + 64 * 1024 ** 2;
  if (bytes > totalmem() * 0.8)
    throw new KeepwarmError(
      "INPUT_INVALID",
      `${plural(blocks, "block")} of ${formatBytes(plan.blockBytes)} take ${formatBytes(bytes)} of memory`,
      { remedy: "Use a smaller --block-size or fewer --capacity-blocks." },
    );
  return [
    "--ram-size",
    String(bytes),
    "--ram-max-blocks",
    String(plan.capacityBlocks ?? 0),
    "--ram-grace",
    "0",
    ...(plan.policy === undefined ? [] : ["--policy", plan.policy]),
  ];
}

/** A disk that keeps so many blocks, in segments so small that it forgets few at a time. */
async function diskFlags(blocks: number, blockBytes: number, directory: string): Promise<string[]> {
  const { bytes, segmentBytes } = diskFor(blocks, blockBytes);
  const config = join(directory, "keepwarm.yaml");
  await writeFile(config, `ssd:\n  segmentSize: ${segmentBytes}\n`);
  const ssd = ["--ssd-dir", join(directory, "ssd"), "--ssd-size", String(bytes)];
  return ["--config", config, ...ssd, "--ssd-max-blocks", String(blocks)];
}

async function replayInto(
  { io, out }: VerbContext,
  flags: ReplayFlags,
  plan: Plan,
  trace: TraceCounter,
): Promise<ExitCode> {
  const summary = trace.summary();
  const connections = await openConnections(plan.connections, flags, io);
  const [control] = connections;
  try {
    const before = await takeSnapshot(control);
    const matches = await knowsCommand(control, ["KW.MATCH", keyOf(0)]);
    if (!matches) out.note(`${before.product} has no KW.MATCH: chains are asked key by key`);
    const restore = await prepareStore(control, before, plan);
    const progress = new Progress(io, out.quiet);
    try {
      const started = performance.now();
      const result = await replay(readTrace(plan.path, { limit: plan.requests, name: plan.file }), {
        lanes: makeLanes(connections, plan.depth, (connection) => ({
          store: new RespReplayStore(connection, matches),
          memory: Buffer.allocUnsafeSlow(plan.blockBytes),
        })),
        pattern: new BlockPattern(plan.blockBytes),
        blockTokens: plan.blockTokens ?? summary.blockTokens,
        keyOf,
        signal: io.signal,
        progress: (counts) =>
          progress.update(() => progressLine(counts, summary, performance.now() - started)),
      });
      const after = await takeSnapshot(control);
      progress.done();
      const report = replayReport(plan, summary, result, before, after, matches);
      out.result(report, () => out.facts(replayFacts(report)));
      if (result.corrupt > 0) return ExitCode.failed;
      if (!report.tooFewKept) return ExitCode.ok;
      out.warn(
        `the store evicted although it kept only ${plural(report.kept, "block")}: it ran out of memory, and the hit rate is that of a smaller store`,
      );
      return ExitCode.degraded;
    } finally {
      progress.done();
      await restore();
      if (!flags.keep) await removeKeys(control, [...trace.ids].map(keyOf));
    }
  } finally {
    await closeConnections(connections);
  }
}

/** A block's key: hex digits as unlike their neighbours' as real hashes are. */
function keyOf(id: number): string {
  const hash = mix(id).toString(16).padStart(8, "0") + id.toString(16).padStart(8, "0");
  return nativeKey({ model: "trace", hash, dtype: "uint8" });
}
