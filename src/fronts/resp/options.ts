import type { SecureContextOptions } from "node:tls";
import type { Logger } from "../../observe/logger.ts";
import type { CodecRules } from "../../store/wrappers/codec-rules.ts";
import type { BlockMover } from "../../tiers/coded/block-mover.ts";
import type { TierChain } from "../../tiers/chain/tier-chain.ts";
import type { LmStats } from "../lm/stats.ts";
import type { UserOptions } from "./users.ts";

/** Limits that keep one client from harming the others. */
export interface RespLimits {
  /** Most clients at once. Default 10,000. */
  readonly clients: number;
  /** Longest value, in bytes. Default 512 MiB, Redis's own; half of the RAM tier at most counts too. */
  readonly valueBytes: number;
  /** Most bytes of one request outside its values, in bytes. Default 16 MiB. */
  readonly requestBytes: number;
  /** Replies that may wait for one client before its requests do, in bytes. Default 64 MiB. */
  readonly outputBytes: number;
  /** Close a client that has been silent this long, in ms. Default 0: never. */
  readonly idleMs: number;
  /** Close a client that stops in the middle of a value, or of taking one, in ms. Default 30,000. */
  readonly stallMs: number;
  /** How long a value may wait for memory that others still hold, in ms. Default 1000. */
  readonly roomWaitMs: number;
  /** How long a command may wait for values from below RAM, in ms. Default 2000; then they are misses. */
  readonly tierWaitMs: number;
  /** Memory for lists and hashes, in bytes. Default 64 MiB. */
  readonly collectionBytes: number;
}

export const defaultRespLimits: RespLimits = {
  clients: 10_000,
  valueBytes: 512 * 1024 ** 2,
  requestBytes: 16 * 1024 ** 2,
  outputBytes: 64 * 1024 ** 2,
  idleMs: 0,
  stallMs: 30_000,
  roomWaitMs: 1000,
  tierWaitMs: 2000,
  collectionBytes: 64 * 1024 ** 2,
};

export interface RespServerOptions {
  /** Where the blocks are: RAM, and the tier below it if there is one. */
  readonly tiers: TierChain;
  /** Reply to a write only when the tier below RAM says that it is durable. Default false. */
  readonly durable?: boolean;
  readonly version: string;
  readonly logger: Logger;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 6379; 0 takes any free one. */
  readonly port?: number;
  readonly limits?: Partial<RespLimits>;
  /** Password of the user `default`. Default: none needed. */
  readonly password?: string;
  readonly users?: readonly UserOptions[];
  /** Speak TLS; with `ca`, clients must, or may, show a certificate that it signed. */
  readonly tls?: SecureContextOptions & {
    readonly clientCertificates?: "required" | "optional";
  };
  /** Listen beyond loopback without any authentication. Default false: refused. */
  readonly openDoor?: boolean;
  /** Answer CLUSTER commands as a cluster of this one node. Default false. */
  readonly cluster?: boolean;
  /** Keep commands slower than this, in microseconds. Default 10,000; negative: none. */
  readonly slowlogThresholdUs?: number;
  /** Default 128. */
  readonly slowlogMaxEntries?: number;
  /** What SHUTDOWN does. Default: refused. */
  readonly onShutdown?: () => void;
  /** What `describe` reports about other listeners. */
  readonly listeners?: () => Readonly<Record<string, string>>;
  /** Figures of the lm front, if there is one. */
  readonly lm?: () => LmStats | undefined;
  /** Which blocks are encoded how, and what does it in memory. */
  readonly coding?: CodingOptions;
}

interface CodingOptions {
  readonly rules: CodecRules;
  /** Absent where there is no room for encoded blocks. */
  readonly mover: BlockMover | undefined;
}
