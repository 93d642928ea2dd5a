import type { RunningServer } from "../../src/testing/servers/running-server.ts";
import type { TargetKind } from "../support/target.ts";

/** One thing that was tried with one variant of a peer. */
export interface Check {
  /** The variant, such as `redis-py 8`. */
  readonly variant: string;
  readonly name: string;
  readonly passed: boolean;
  readonly elapsedMs: number;
  /** Why it failed. */
  readonly reason?: string;
}

export interface PeerContext {
  readonly target: TargetKind;
  /** The Python command to make environments with. */
  readonly python: string;
  /** Starts a server of the target's kind; ended after the peer. */
  start(args?: readonly string[]): Promise<RunningServer>;
  /** Says on stderr what is going on. */
  progress(text: string): void;
}

/** Foreign software that is run against Keepwarm as it is. */
export interface Peer {
  /** One line for `--help`. */
  readonly summary: string;
  run(context: PeerContext): AsyncIterable<Check>;
}
