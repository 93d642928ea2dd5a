import type { LoadResult } from "../support/load.ts";
import type { MachineFacts } from "../support/machine.ts";
import { median } from "../support/stats.ts";
import { isSmall, type Cell } from "./cells.ts";
import { peerRank, subject } from "./peers.ts";
import type { Limits } from "./limits.ts";

/** What one trial came to, whichever program drove it. Small cells count commands, others bytes. */
export interface Sample {
  readonly round: number;
  /** Bytes (GB = 1e9) or commands per second. */
  readonly rate: number;
  readonly p50us: number;
  readonly p99us: number;
  readonly p999us: number;
  /** CPU seconds of the server per GB, or microseconds per command. */
  readonly serverCpu: number;
  /** The same of the driver; 0 where the driver does not tell. */
  readonly clientCpu: number;
}

/** The medians of a peer's samples in one cell. */
export interface PeerResult extends Omit<Sample, "round"> {
  /** The median over rounds of Keepwarm's rate over this peer's; 1 for Keepwarm itself. */
  readonly keepwarmRatio: number;
  readonly samples: readonly Sample[];
  /** Errors, wrong or missing values: such a result is shown but not judged. */
  readonly trouble?: string;
}

export interface CellResult {
  readonly cell: Cell;
  readonly driver: "load" | "redis-benchmark";
  readonly peers: Readonly<Record<string, PeerResult>>;
}

/** A whole run, as kept in `results/server-<node version>.json`. */
export interface ServerResults {
  readonly machine: MachineFacts;
  readonly versions: Readonly<Record<string, string>>;
  readonly settings: { readonly trialSeconds: number; readonly rounds: number };
  readonly limits?: Limits | undefined;
  readonly cells: readonly CellResult[];
}

/** Collects the samples of one cell while they come in. */
export class CellSamples {
  readonly #samples = new Map<string, Sample[]>();
  readonly #trouble = new Map<string, string>();

  add(peer: string, sample: Sample): void {
    const samples = this.#samples.get(peer) ?? [];
    this.#samples.set(peer, samples);
    samples.push(sample);
  }

  reportTrouble(peer: string, text: string): void {
    if (!this.#trouble.has(peer)) this.#trouble.set(peer, text);
  }

  summarise(): Record<string, PeerResult> {
    const own = this.#samples.get(subject) ?? [];
    const result: Record<string, PeerResult> = {};
    const names = new Set([...this.#samples.keys(), ...this.#trouble.keys()]);
    for (const peer of [...names].toSorted((a, b) => peerRank(a) - peerRank(b))) {
      const samples = this.#samples.get(peer) ?? [];
      const middle = (value: (sample: Sample) => number) => median(samples.map(value));
      const ratios = samples.flatMap((sample) =>
        own.filter(({ round }) => round === sample.round).map(({ rate }) => rate / sample.rate),
      );
      const trouble = this.#trouble.get(peer);
      result[peer] = {
        rate: middle((sample) => sample.rate),
        p50us: middle((sample) => sample.p50us),
        p99us: middle((sample) => sample.p99us),
        p999us: middle((sample) => sample.p999us),
        serverCpu: middle((sample) => sample.serverCpu),
        clientCpu: middle((sample) => sample.clientCpu),
        keepwarmRatio: median(ratios),
        samples,
        ...(trouble !== undefined && { trouble }),
      };
    }
    return result;
  }
}

/** A sample of one trial of the load program. */
export function sampleOf(cell: Cell, round: number, result: LoadResult): Sample {
  const { p50us, p99us, p999us } = result;
  const per = isSmall(cell) ? result.ops / 1e6 : result.bytes / 1e9;
  return {
    round,
    p50us,
    p99us,
    p999us,
    rate: isSmall(cell) ? result.opsPerSecond : result.bytesPerSecond,
    serverCpu: result.serverCpuSeconds / per,
    clientCpu: result.clientCpuSeconds / per,
  };
}

/** What was wrong with a trial, or `undefined`. */
export function troubleOf(result: LoadResult): string | undefined {
  if (result.errors > 0) return result.error;
  if (result.mismatches > 0) return `${result.mismatches} wrong values`;
  if (result.missing > 0) return `${result.missing} values missing`;
  return result.ops === 0 ? "nothing done in time" : undefined;
}
