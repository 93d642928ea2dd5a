import { execFileSync } from "node:child_process";
import { KeepwarmError } from "../../src/errors.ts";
import { findBinary } from "../../src/testing/servers/binaries.ts";
import { startRedisServer } from "../../src/testing/servers/redis-server.ts";
import { keepwarmVersion, startKeepwarm, type KeepwarmOptions } from "../support/keepwarm.ts";
import { startAnnounced, type RunningServer } from "../support/running-server.ts";

/** What the peers are started from. */
export interface PeerSetup {
  readonly keepwarm: KeepwarmOptions;
  readonly loadProgram: string;
}

/** A server of the comparison. */
export interface Peer {
  /** Its name in `--peers`, tables and results. */
  readonly name: string;
  /** Finds what it needs, over the network if need be: called before there is none. */
  prepare(): Promise<void>;
  start(setup: PeerSetup): Promise<RunningServer>;
  version(setup: PeerSetup): Promise<string>;
}

/** The name of the server under test. */
export const subject = "keepwarm";
/** The name of the peer that stores nothing: the most that driver and loopback can carry. */
export const ceiling = "c-sink";

const peers: readonly Peer[] = [
  {
    name: subject,
    prepare: async () => {},
    start: ({ keepwarm }) => startKeepwarm(keepwarm),
    version: async ({ keepwarm }) =>
      `${keepwarmVersion()} on Node ${nodeVersion(keepwarm.node ?? process.execPath)}`,
  },
  redisLike("redis", "redis"),
  redisLike("redis-tuned", "redis", {
    env: { MALLOC_CONF: "dirty_decay_ms:-1,muzzy_decay_ms:-1" },
  }),
  redisLike("valkey", "valkey"),
  redisLike("valkey-io2", "valkey", { args: ["--io-threads", "2"] }),
  {
    name: ceiling,
    prepare: async () => {},
    start: ({ loadProgram }) =>
      startAnnounced({
        name: ceiling,
        path: loadProgram,
        args: ["--sink"],
        portOf: (line) => (JSON.parse(line) as { port: number }).port,
      }),
    version: async () => "bench/load",
  },
];

/** How tables order servers: the one under test, the others, the ceiling. */
export function peerRank(name: string): number {
  return peers.findIndex((peer) => peer.name === name);
}

/** The peers of a comma-separated list, always with the one under test; all for `undefined`. */
export function choosePeers(names: string | undefined): readonly Peer[] {
  if (names === undefined) return peers;
  const wanted = new Set([subject, ...names.split(",").map((name) => name.trim())]);
  const unknown = [...wanted].find((name) => !peers.some((peer) => peer.name === name));
  if (unknown !== undefined)
    throw new KeepwarmError("NOT_FOUND", `There is no peer "${unknown}"`, {
      remedy: `Choose from ${peers.map((peer) => peer.name).join(", ")}.`,
    });
  return peers.filter((peer) => wanted.has(peer.name));
}

export function nodeVersion(node: string): string {
  return execFileSync(node, ["--version"], { encoding: "utf8" }).trim().slice(1);
}

function redisLike(
  name: string,
  engine: "redis" | "valkey",
  extra: { env?: Record<string, string>; args?: readonly string[] } = {},
): Peer {
  const binary = `${engine}-server` as const;
  return {
    name,
    prepare: async () => void (await findBinary(binary)),
    start: () => startRedisServer({ engine, ...extra }),
    version: async () => {
      const { path, env } = await findBinary(binary);
      const text = execFileSync(path, ["--version"], { env, encoding: "utf8" });
      return /v=(\S+)/.exec(text)?.[1] ?? "unknown";
    },
  };
}
