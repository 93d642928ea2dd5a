import type { TrialResult } from "./trial.ts";

/** Results by cell and client; a client that failed has none. */
export type ClientSamples = Map<string, Map<string, TrialResult[]>>;

export type Engine = "redis" | "valkey";

/** All samples of one server. */
export interface EngineSamples {
  readonly engine: Engine;
  readonly rounds: number;
  readonly samples: ClientSamples;
}
