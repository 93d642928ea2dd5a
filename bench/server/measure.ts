import type { LoadProgram } from "../support/load.ts";
import type { Progress } from "../support/progress.ts";
import type { RunningServer, RunningServers } from "../support/running-server.ts";
import { shuffled } from "../support/stats.ts";
import type { Cell } from "./cells.ts";
import { CellSamples, sampleOf, troubleOf, type CellResult } from "./results.ts";

export interface Pace {
  readonly trialSeconds: number;
  readonly rounds: number;
}

const warmupShare = 0.2;
const fillConnections = 4;

/** Measures cells with the C load program: in each round every peer once, in random order. */
export class LoadMeasurement {
  readonly #load: LoadProgram;
  readonly #running: RunningServers;
  readonly #pace: Pace;
  readonly #protocol: "resp" | "lm";
  readonly #filled = new Set<string>();

  constructor(
    load: LoadProgram,
    running: RunningServers,
    pace: Pace,
    protocol: "resp" | "lm" = "resp",
  ) {
    this.#load = load;
    this.#running = running;
    this.#pace = pace;
    this.#protocol = protocol;
  }

  async measure(cell: Cell, progress: Progress): Promise<CellResult> {
    const samples = new CellSamples();
    for (const [peer, server] of this.#running) {
      const trouble = await this.#fill(cell, peer, server);
      if (trouble !== undefined) samples.reportTrouble(peer, `while filling: ${trouble}`);
    }
    for (let round = 0; round < this.#pace.rounds; round++) {
      for (const [peer, server] of shuffled([...this.#running])) {
        progress.step(`${cell.name}, round ${round + 1} of ${this.#pace.rounds}, ${peer}`);
        await this.#trial(cell, round, peer, server, samples);
      }
    }
    return { cell, driver: "load", peers: samples.summarise() };
  }

  async #trial(
    cell: Cell,
    round: number,
    peer: string,
    server: RunningServer,
    samples: CellSamples,
  ): Promise<void> {
    const { op, size, keys, connections, pipeline } = cell;
    const result = await this.#load.run({
      op,
      protocol: this.#protocol,
      size,
      keys,
      connections,
      pipeline,
      port: server.port,
      serverPid: server.pid,
      seconds: this.#pace.trialSeconds,
      warmup: this.#pace.trialSeconds * warmupShare,
    });
    const trouble = troubleOf(result);
    if (trouble !== undefined) samples.reportTrouble(peer, trouble);
    if (result.ops > 0) samples.add(peer, sampleOf(cell, round, result));
  }

  async #fill(cell: Cell, peer: string, server: RunningServer): Promise<string | undefined> {
    const name = `${peer} ${cell.size}`;
    if (cell.op === "PING" || this.#filled.has(name)) return undefined;
    this.#filled.add(name);
    const { size, keys } = cell;
    const connections = Math.min(fillConnections, keys);
    return troubleOf(
      await this.#load.run({
        op: "FILL",
        protocol: this.#protocol,
        size,
        keys,
        connections,
        port: server.port,
      }),
    );
  }
}
