import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { KeepwarmError } from "../errors.ts";
import type { RespServerOptions } from "../fronts/resp/options.ts";
import { LmServer } from "../fronts/lm/server.ts";
import { RespServer } from "../fronts/resp/server.ts";
import type { UserOptions } from "../fronts/resp/users.ts";
import { openStore } from "../backends/registry.ts";
import { type Logger, silentLogger } from "../observe/logger.ts";
import type { BlockStore } from "../store/contract.ts";
import { TierChain } from "../tiers/chain/tier-chain.ts";
import { DepartureLog } from "../tiers/departure-log.ts";
import { RamTier } from "../tiers/ram/ram-tier.ts";
import { halfOfDisk } from "../tiers/ssd/capacity.ts";
import { SsdTier } from "../tiers/ssd/ssd-tier.ts";
import { version } from "../util/version.ts";
import { ServerCoding } from "./coding.ts";
import { withoutPassword } from "./redact.ts";
import type { Config } from "./schema.ts";

export interface RunningServer {
  /** Address of each listener that runs, by its name. */
  readonly listeners: { readonly resp: string; readonly lm?: string };
  /** The tier on disk, if there is one. */
  readonly ssd?: SsdTier;
  /** Takes no more clients, finishes what is under way, and ends. */
  close(): Promise<void>;
}

export interface ServerDependencies {
  readonly logger?: Logger;
  /** What a client's SHUTDOWN does. Default: refused. */
  readonly onShutdown?: () => void;
}

/** How long values that wait for the disk may hold up the end of the process, in ms. */
const DRAIN_MS = 30_000;

/**
 * Builds and starts the store that a configuration describes.
 *
 * Throws `LISTEN_FAILED` when an address is taken, `CONFIG_INVALID` when a file that it names can't
 * be used.
 */
export async function startServer(
  config: Config,
  { logger = silentLogger, onShutdown }: ServerDependencies = {},
): Promise<RunningServer> {
  const ram = new RamTier({
    capacityBytes: config.ram.size,
    maxBlocks: config.ram.maxBlocks,
    policy: config.ram.policy,
    graceMs: config.ram.graceMs,
  });
  const { departures } = config.limits;
  if (departures > 0) ram.departures = new DepartureLog({ entries: departures });
  const ssd = await openSsd(config, logger);
  if (ssd !== undefined) ssd.departures = ram.departures;
  const coding = await ServerCoding.open(config, ram, logger);
  const remotes = (await openRemotes(config, logger)).map((store) => coding.wrap(store));
  const { coded } = coding;
  const tiers = new TierChain({
    ram,
    remotes,
    ...(coded === undefined ? {} : { aside: coded }),
    ...(ssd === undefined ? {} : { lower: ssd, writeMode: config.ssd.write }),
  });
  try {
    const mover = coding.start(tiers, logger);
    const fronts = await listen(config, tiers, { rules: coding.rules, mover }, logger, onShutdown);
    return {
      listeners: fronts.listeners,
      ...(ssd === undefined ? {} : { ssd }),
      close: async () => {
        await fronts.close();
        await coding.stop();
        await closeTiers(tiers, ssd, logger);
        for (const remote of remotes) await remote.close();
        await coding.close();
      },
    };
  } catch (error) {
    await coding.stop();
    await ssd?.close();
    await coding.close();
    throw error;
  }
}

async function listen(
  config: Config,
  tiers: TierChain,
  coding: RespServerOptions["coding"],
  logger: Logger,
  onShutdown: (() => void) | undefined,
): Promise<RunningServer> {
  const listeners: { resp: string; lm?: string } = { resp: "" };
  let lm: LmServer | undefined;
  const tls = tlsOptions(config);
  const { password } = config.auth;
  const resp = await RespServer.listen({
    tiers,
    version,
    logger,
    host: config.resp.host,
    port: config.resp.port,
    limits: {
      clients: config.limits.clients,
      valueBytes: config.limits.valueBytes,
      requestBytes: config.limits.requestBytes,
      outputBytes: config.limits.outputBytes,
      idleMs: config.limits.idleMs,
      stallMs: config.limits.stallMs,
      roomWaitMs: config.limits.roomWaitMs,
      tierWaitMs: config.limits.tierWaitMs,
      collectionBytes: config.limits.collectionBytes,
    },
    durable: config.durability === "fsync",
    users: config.auth.users.map(userOptions),
    cluster: config.cluster.enabled,
    openDoor: !config.protected,
    slowlogThresholdUs: config.slowlog.thresholdUs,
    slowlogMaxEntries: config.slowlog.maxEntries,
    listeners: () => listeners,
    lm: () => lm?.stats(),
    ...(coding === undefined ? {} : { coding }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls }),
    ...(onShutdown === undefined ? {} : { onShutdown }),
  });
  listeners.resp = resp.url;
  try {
    lm = await listenLm(config, tiers, logger);
  } catch (error) {
    await resp.close(0);
    throw error;
  }
  if (lm !== undefined) listeners.lm = lm.url;
  return { listeners, close: async () => void (await Promise.all([resp.close(), lm?.close()])) };
}

/** What waits is written before the process ends, but a disk that hangs does not keep it alive. */
async function closeTiers(
  tiers: TierChain,
  ssd: SsdTier | undefined,
  logger: Logger,
): Promise<void> {
  const ended = async (): Promise<true> => {
    await Promise.all([tiers.settled(), tiers.settledRemotes()]);
    await ssd?.close();
    return true;
  };
  const deadline = delay(DRAIN_MS, false, { ref: false });
  if (!(await Promise.race([ended(), deadline])))
    logger.error(
      { directory: ssd?.directory, unwritten: tiers.remotes.map(({ queuedItems }) => queuedItems) },
      "what waited to be written was not taken in time",
    );
}

/** A store that does not answer is no reason not to start: until it does, it is a miss. */
async function openRemotes(config: Config, logger: Logger): Promise<BlockStore[]> {
  const stores: BlockStore[] = [];
  for (const url of config.remote) {
    const store: BlockStore & { check?(): Promise<void> } = await openStore(url, logger);
    store.check?.().catch((error: unknown) => {
      logger.warn({ error }, `remote store ${withoutPassword(url)} does not answer`);
    });
    stores.push(store);
  }
  return stores;
}

async function openSsd(config: Config, logger: Logger): Promise<SsdTier | undefined> {
  const { ssd, ram, durability } = config;
  if (ssd.dir === undefined) return undefined;
  return SsdTier.open({
    directory: ssd.dir,
    capacityBytes: ssd.size ?? (await halfOfDisk(ssd.dir)),
    maxBlocks: ssd.maxBlocks,
    durability,
    queueBytes: Math.min(ssd.queueSize, Math.floor(ram.size / 4)),
    direct: ssd.direct,
    logger,
    ...(ssd.segmentSize === undefined ? {} : { segmentBytes: ssd.segmentSize }),
  });
}

async function listenLm(
  { lm, limits, protected: isProtected, auth }: Config,
  tiers: TierChain,
  logger: Logger,
): Promise<LmServer | undefined> {
  if (lm.port === "off") return undefined;
  if (auth.password !== undefined || auth.users.length > 0)
    logger.warn({}, "lm:// has no authentication: who reaches its port needs no password");
  const { clients, valueBytes, outputBytes, idleMs, stallMs, roomWaitMs, tierWaitMs } = limits;
  return LmServer.listen({
    tiers,
    logger,
    host: lm.host,
    port: lm.port,
    limits: { clients, valueBytes, outputBytes, idleMs, stallMs, roomWaitMs, tierWaitMs },
    openDoor: !isProtected,
  });
}

function userOptions(user: Config["auth"]["users"][number]): UserOptions {
  const { name, access, keys, password, passwordSha256 } = user;
  return {
    name,
    access,
    keys,
    ...(password === undefined ? {} : { password }),
    ...(passwordSha256 === undefined ? {} : { passwordSha256 }),
  };
}

function tlsOptions({ tls }: Config): RespServerOptions["tls"] {
  if (tls.cert === undefined || tls.key === undefined) return undefined;
  return {
    cert: readPem(tls.cert, "tls.cert"),
    key: readPem(tls.key, "tls.key"),
    ...(tls.ca === undefined ? {} : { ca: readPem(tls.ca, "tls.ca") }),
    clientCertificates: tls.clients,
  };
}

function readPem(path: string, setting: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new KeepwarmError("CONFIG_INVALID", `${setting}: cannot read ${path}`, {
      cause: error,
      remedy: "Name a PEM file that this user may read.",
    });
  }
}
