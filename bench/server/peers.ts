import { execFileSync } from "node:child_process";
import { KeepwarmError } from "../../src/errors.ts";
import { findBinary } from "../../src/testing/servers/binaries.ts";
import { keepwarmVersion, startKeepwarm, type KeepwarmOptions } from "../support/keepwarm.ts";
import { startAnnounced, startOnFreePort, type RunningServer } from "../support/running-server.ts";

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
  redisLike("redis", "redis-server"),
  redisLike("redis-tuned", "redis-server", {
    env: { MALLOC_CONF: "dirty_decay_ms:-1,muzzy_decay_ms:-1" },
  }),
  redisLike("valkey", "valkey-server"),
  redisLike("valkey-io2", "valkey-server", { flags: ["--io-threads", "2"] }),
  {
    name: ceiling,
    prepare: async () => {},
    start: ({ loadProgram }) =>
      startAnnounced({ name: ceiling, command: loadProgram, args: ["--sink"] }, (line) =>
        line.startsWith("{") ? (JSON.parse(line) as { port: number }).port : undefined,
      ),
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
  binary: "redis-server" | "valkey-server",
  extra: { env?: Record<string, string>; flags?: readonly string[] } = {},
): Peer {
  return {
    name,
    prepare: async () => void (await findBinary(binary)),
    start: async () => {
      const { path, env } = await findBinary(binary);
      const fixed = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
      return startOnFreePort({
        name,
        command: path,
        args: (port) => ["--port", String(port), ...fixed, ...(extra.flags ?? [])],
        env: { ...env, ...extra.env },
      });
    },
    version: async () => {
      const { path, env } = await findBinary(binary);
      const text = execFileSync(path, ["--version"], { env });
      return /v=(\S+)/.exec(text.toString())?.[1] ?? "unknown";
    },
  };
}
