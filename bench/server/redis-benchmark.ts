import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Binary } from "../../src/testing/servers/binaries.ts";
import { processCpuSeconds } from "../support/process-cpu.ts";
import type { Progress } from "../support/progress.ts";
import type { RunningServer, RunningServers } from "../support/running-server.ts";
import { shuffled } from "../support/stats.ts";
import { isSmall, type Cell } from "./cells.ts";
import { ceiling } from "./peers.ts";
import { CellSamples, type CellResult, type Sample } from "./results.ts";

const run = promisify(execFile);
const timeoutMs = 60_000;
const pilotSeconds = 0.1;

export interface RedisBenchmarkPace {
  readonly seconds: number;
  readonly rounds: number;
}

/**
 * Measures a cell with redis-benchmark, the driver that everybody knows. It takes a number of requests
 * rather than a time, so short pilot runs per peer find how many fill `seconds`. The ceiling is left
 * out: it knows the keys of the load program only.
 */
export async function measureWithRedisBenchmark(
  program: Binary,
  cell: Cell,
  running: RunningServers,
  pace: RedisBenchmarkPace,
  progress: Progress,
): Promise<CellResult> {
  const samples = new CellSamples();
  const peers = [...running].filter(([peer]) => peer !== ceiling);
  const requests = new Map<string, number>();
  for (const [peer, server] of peers) {
    try {
      if (cell.op === "GET") await drive(program, { ...cell, op: "SET" }, server, 4 * cell.keys);
      const pilot = await drive(program, cell, server, isSmall(cell) ? 20_000 : 50);
      requests.set(peer, requestsFor(pilot.requestsPerSecond, pilotSeconds));
      const second = await drive(program, cell, server, requests.get(peer)!);
      requests.set(peer, requestsFor(second.requestsPerSecond, pace.seconds));
    } catch (error) {
      samples.reportTrouble(peer, (error as Error).message);
    }
  }
  for (let round = 0; round < pace.rounds; round++) {
    for (const [peer, server] of shuffled(peers)) {
      progress.step(`redis-benchmark ${cell.name}, round ${round + 1} of ${pace.rounds}, ${peer}`);
      const count = requests.get(peer);
      if (count === undefined) continue;
      samples.add(peer, sampleOf(cell, round, await drive(program, cell, server, count)));
    }
  }
  return { cell, driver: "redis-benchmark", peers: samples.summarise() };
}

interface Report {
  readonly requestsPerSecond: number;
  readonly p50ms: number;
  readonly p99ms: number;
  readonly maxMs: number;
  readonly requests: number;
  readonly cpuSeconds: number;
}

async function drive(
  program: Binary,
  cell: Cell,
  server: RunningServer,
  requests: number,
): Promise<Report> {
  const options = {
    "-p": server.port,
    "-t": cell.op === "PING" ? "ping_mbulk" : cell.op.toLowerCase(),
    "-n": requests,
    "-c": cell.connections,
    "-P": cell.pipeline,
    "-d": cell.size,
    "-r": cell.keys,
  };
  const words = Object.entries(options).flatMap(([flag, value]) => [flag, String(value)]);
  const before = processCpuSeconds(server.pid);
  const { stdout } = await run(program.path, [...words, "--csv"], {
    env: program.env,
    timeout: timeoutMs,
  });
  const cpuSeconds = processCpuSeconds(server.pid) - before;
  const [names, values] = stdout.trim().split("\n").slice(-2).map(csvFields);
  const value = (name: string) => Number(values?.[names?.indexOf(name) ?? -1]);
  const requestsPerSecond = value("rps");
  if (!(requestsPerSecond > 0))
    throw new Error(`redis-benchmark said ${stdout.trim().slice(-200)}`);
  return {
    requestsPerSecond,
    requests,
    cpuSeconds,
    p50ms: value("p50_latency_ms"),
    p99ms: value("p99_latency_ms"),
    maxMs: value("max_latency_ms"),
  };
}

function sampleOf(cell: Cell, round: number, report: Report): Sample {
  const small = isSmall(cell);
  const unit = small ? report.requests / 1e6 : (report.requests * cell.size) / 1e9;
  return {
    round,
    rate: report.requestsPerSecond * (small ? 1 : cell.size),
    p50us: report.p50ms * 1000,
    p99us: report.p99ms * 1000,
    p999us: report.maxMs * 1000,
    serverCpu: report.cpuSeconds / unit,
    clientCpu: 0,
  };
}

function requestsFor(perSecond: number, seconds: number): number {
  return Math.max(16, Math.ceil(perSecond * seconds));
}

function csvFields(line: string): string[] {
  return line.split(",").map((field) => field.replaceAll('"', ""));
}
