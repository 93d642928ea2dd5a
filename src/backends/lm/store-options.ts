import { KeepwarmError } from "../../errors.ts";
import { type Logger, silentLogger } from "../../observe/logger.ts";
import { MAX_VALUE_BYTES } from "../../wire/lm/header.ts";
import { type LmAddress, parseLmUrl } from "./url.ts";

/** What LMCache's clients are told about a value; all numbers as `lm://` has them. */
export interface LmDescription {
  /** Such as 1 for KV_2LTD. */
  readonly format: number;
  /** Such as 3 for bfloat16. */
  readonly dtype: number;
  readonly shape: readonly [number, number, number, number];
}

/** How an `LmStore` finds its server and works with it. */
export interface LmStoreOptions {
  /** `lm://host:port`. Default lm://127.0.0.1:65432. */
  readonly url?: string | undefined;
  /** What blocks are described as. Default: bytes, format 5 (BINARY_BUFFER) without a dtype. */
  readonly description?: LmDescription | undefined;
  /** Connections. Default 4, sensibly 1 to 16: `lmcache_server` has a thread for each. */
  readonly connections?: number | undefined;
  /** Milliseconds for each block, whatever it has to wait for. Default 5000. */
  readonly deadlineMs?: number | undefined;
  /** Milliseconds to connect. Default 1000. */
  readonly connectDeadlineMs?: number | undefined;
  /** Most calls that wait for a connection. Default 4096. */
  readonly queueCalls?: number | undefined;
  /** The largest block, in bytes. Default 512 MiB; the protocol has room for 2 GiB less one. */
  readonly maxBlockBytes?: number | undefined;
  /** Most bytes of released blocks that are kept for the next ones. Default 256 MiB. */
  readonly recycleBytes?: number | undefined;
  /** Hears of a server that fails and comes back. Default: nobody does. */
  readonly logger?: Logger | undefined;
}

/** Options with their defaults filled in. */
export interface LmStoreSettings {
  readonly address: LmAddress;
  readonly description: LmDescription | undefined;
  readonly connections: number;
  readonly deadlineMs: number;
  readonly connectDeadlineMs: number;
  readonly queueCalls: number;
  readonly maxBlockBytes: number;
  readonly recycleBytes: number;
  readonly logger: Logger;
}

/** Fills in the defaults. Throws `INPUT_INVALID` for what cannot be used. */
export function resolveLmStoreOptions(options: LmStoreOptions): LmStoreSettings {
  return {
    address: parseLmUrl(options.url ?? "lm://127.0.0.1:65432"),
    description: options.description,
    connections: checked("connections", options.connections, 4, 1, 64),
    deadlineMs: checked("deadlineMs", options.deadlineMs, 5000, 1, 3_600_000),
    connectDeadlineMs: checked("connectDeadlineMs", options.connectDeadlineMs, 1000, 1, 3_600_000),
    queueCalls: checked("queueCalls", options.queueCalls, 4096, 1, 2 ** 24),
    maxBlockBytes: checked(
      "maxBlockBytes",
      options.maxBlockBytes,
      512 * 1024 ** 2,
      0,
      MAX_VALUE_BYTES,
    ),
    recycleBytes: checked("recycleBytes", options.recycleBytes, 256 * 1024 ** 2, 0, Infinity),
    logger: options.logger ?? silentLogger,
  };
}

function checked(
  name: string,
  value: number | undefined,
  by: number,
  least: number,
  most: number,
): number {
  const number = value ?? by;
  if (number >= least && number <= most) return number;
  throw new KeepwarmError("INPUT_INVALID", `${name} of the lm store is ${number}`, {
    remedy: `It must be from ${least} to ${most}.`,
  });
}
