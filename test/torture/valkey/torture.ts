import { setTimeout as sleep } from "node:timers/promises";
import { Blocks, keyCount } from "./blocks.ts";
import { figuresOf, type Figures } from "./figures.ts";
import { now } from "../../support/heartbeat.ts";
import type { Scenario } from "./scenarios.ts";
import { WorkerProcess } from "./worker-process.ts";

export interface TortureOptions {
  readonly engine: "redis" | "valkey";
  /** Names of clients; those of ours are judged. */
  readonly clients: readonly string[];
  /** How long the load goes on after the harm is done. */
  readonly watchMs: number;
  readonly deadlineMs: number;
  readonly progress: (text: string) => void;
}

export interface ClientResult extends Figures {
  readonly client: string;
  /** Why its calls failed, and how often. */
  readonly failures: Readonly<Record<string, number>>;
  /** What must not be. Only our own client is judged. */
  readonly problems: readonly string[];
}

export interface ScenarioResult {
  readonly scenario: string;
  readonly clients: readonly ClientResult[];
}

/** Load before the harm. */
const warmUpMs = 2000;
/** What a call may take beyond its deadline. */
const slackMs = 100;
/** Where the machine holds a process up for so long, calls fail whose server and network are well. */
export const busyMs = 150;
/** What memory may grow by while nothing gets through: calls of a deadline, and what is kept for reuse. */
const mostGrowth = 256 * 1024 ** 2;

/** Runs all clients through one scenario, at the same time against the same servers. */
export async function torture(
  scenario: Scenario,
  { engine, clients, watchMs, deadlineMs, progress }: TortureOptions,
): Promise<ScenarioResult> {
  progress(`${scenario.name}: starting servers`);
  const blocks = new Map(clients.map((name, number) => [name, new Blocks(number, name)]));
  const keys = [...blocks.values()].flatMap((each) =>
    Array.from({ length: keyCount }, (_, index) => each.key(index)),
  );
  await using stage = await scenario.start({ engine, keys });
  const workers: WorkerProcess[] = [];
  try {
    for (const [number, name] of clients.entries())
      workers.push(await WorkerProcess.start(name, { number, url: await stage.url(), deadlineMs }));
    progress(`${scenario.name}: ${scenario.summary}`);
    for (const worker of workers) worker.begin();
    await sleep(warmUpMs);
    const harmedAt = now();
    await stage.harm();
    progress(`${scenario.name}: done, watching for ${watchMs / 1000} s`);
    await sleep(watchMs);
    const endedAt = now();
    const records = await Promise.all(workers.map((worker) => worker.end()));
    const concerns = (name: string, index: number) =>
      stage.concerns?.(blocks.get(name)!.key(index)) ?? true;
    return {
      scenario: scenario.name,
      clients: records.map((record, at) => {
        const client = clients[at];
        const figures = figuresOf(record, { harmedAt, endedAt }, deadlineMs, ({ index }) =>
          concerns(client, index),
        );
        const problems = client === "keepwarm" ? problemsOf(figures, scenario) : [];
        return { client, ...figures, failures: record.failures, problems };
      }),
    };
  } finally {
    await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()));
  }
}

function problemsOf(figures: Figures, { harmless }: Scenario): string[] {
  const { wrong, unhandled, open, late, memoryGrowth, back, unsuccessful, blocked } = figures;
  const problems: string[] = [];
  if (wrong > 0) problems.push(`${wrong} blocks with wrong bytes`);
  if (unhandled > 0) problems.push(`${unhandled} rejections that nobody handled`);
  if (open > 0) problems.push(`${open} calls never ended`);
  if (late > slackMs) problems.push(`a call ended ${Math.round(late)} ms after its deadline`);
  if (memoryGrowth > mostGrowth)
    problems.push(`memory grew by ${Math.round(memoryGrowth / 1024 ** 2)} MiB`);
  if (!back) problems.push("calls still failed at the end");
  if (harmless === true && unsuccessful > 0 && blocked <= busyMs)
    problems.push(`${unsuccessful} calls failed, and none should have`);
  return problems;
}
