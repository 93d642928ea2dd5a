import { KeepwarmError } from "../errors.ts";
import type { Logger } from "../observe/logger.ts";
import type { BlockStore } from "../store/contract.ts";

type Open = (url: string, logger: Logger) => Promise<BlockStore>;

const openValkey: Open = async (url, logger) => {
  const { ValkeyStore } = await import("./valkey/valkey-store.ts");
  // Bytes as they are, so that engines that talk to the same server share its blocks.
  return new ValkeyStore({ url, logger, ...(/[?&]format=/.test(url) ? {} : { format: "raw" }) });
};

const openLm: Open = async (url) => {
  const { LmStore } = await import("./lm/lm-store.ts");
  return new LmStore(url);
};

const engines = ["redis", "valkey", "keepwarm"];
const valkeySchemes = [
  ...engines.flatMap((name) => [name, `${name}s`, `${name}-sentinel`, `${name}-cluster`]),
  ...engines.flatMap((name) => [`${name}s-sentinel`, `${name}s-cluster`]),
  "unix",
];

const stores: Readonly<Record<string, Open>> = {
  ...Object.fromEntries(valkeySchemes.map((scheme) => [scheme, openValkey])),
  lm: openLm,
};

/** Schemes of stores that are planned, and by what name people know them. */
const planned: Readonly<Record<string, string>> = {
  infinistore: "InfiniStore",
  mooncakestore: "Mooncake",
  crail: "Crail",
  fs: "files",
  file: "files",
};

/** What to say of the schemes that {@link openStore} takes; the names mean the same, s is TLS. */
const offered = [
  "redis",
  "rediss",
  "redis-sentinel",
  "redis-cluster",
  "valkey",
  "valkeys",
  "unix",
  "lm",
];

/** Why no store can be opened for a URL, or `undefined`. */
export function storeProblem(url: string): { message: string; remedy: string } | undefined {
  const scheme = schemeOf(url);
  if (scheme !== undefined && Object.hasOwn(stores, scheme)) return undefined;
  const remedy = `Use one of ${offered.map((name) => `${name}://`).join(", ")}.`;
  if (scheme !== undefined && Object.hasOwn(planned, scheme))
    return { message: `${scheme}:// (${planned[scheme]}) is not in this version yet`, remedy };
  return {
    message:
      scheme === undefined
        ? `${JSON.stringify(url)} is no URL`
        : `${scheme}:// names no store that Keepwarm knows`,
    remedy,
  };
}

/**
 * The store that a URL names; it connects when it is first used.
 *
 * @throws KeepwarmError `INPUT_INVALID` or `NOT_FOUND` for a URL that cannot be used
 */
export async function openStore(url: string, logger: Logger): Promise<BlockStore> {
  const problem = storeProblem(url);
  if (problem !== undefined)
    throw new KeepwarmError("INPUT_INVALID", problem.message, { remedy: problem.remedy });
  return stores[schemeOf(url)!](url, logger);
}

function schemeOf(url: string): string | undefined {
  return /^([a-z][a-z0-9+.-]*):\/\//i.exec(url)?.[1].toLowerCase();
}
