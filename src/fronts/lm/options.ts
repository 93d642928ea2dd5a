import type { Logger } from "../../observe/logger.ts";
import type { TierChain } from "../../tiers/chain/tier-chain.ts";

/** Limits that keep one client from harming the others. */
export interface LmLimits {
  /** Most clients at once. Default 10,000. */
  readonly clients: number;
  /** Longest value, in bytes. Default 512 MiB; half of the RAM tier at most counts too. */
  readonly valueBytes: number;
  /** Replies that may wait for one client before its requests do, in bytes. Default 64 MiB. */
  readonly outputBytes: number;
  /** Close a client that has been silent this long, in ms. Default 0: never. */
  readonly idleMs: number;
  /** Close a client that stops in the middle of a value, or of taking one, in ms. Default 30,000. */
  readonly stallMs: number;
  /** How long a value may wait for memory that others still hold, in ms. Default 1000. */
  readonly roomWaitMs: number;
  /** How long a GET may wait for a block from below RAM, in ms. Default 2000; then it is a miss. */
  readonly tierWaitMs: number;
}

export const defaultLmLimits: LmLimits = {
  clients: 10_000,
  valueBytes: 512 * 1024 ** 2,
  outputBytes: 64 * 1024 ** 2,
  idleMs: 0,
  stallMs: 30_000,
  roomWaitMs: 1000,
  tierWaitMs: 2000,
};

export interface LmServerOptions {
  readonly tiers: TierChain;
  readonly logger: Logger;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 65432; 0 takes any free one. */
  readonly port?: number;
  readonly limits?: Partial<LmLimits>;
  /** Listen beyond loopback; the protocol has no authentication. Default false: refused. */
  readonly openDoor?: boolean;
}
