import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { pollUntil } from "../../src/testing/servers/poll.ts";
import type { RunningServer } from "../../src/testing/servers/running-server.ts";
import { startSentinels } from "../../src/testing/servers/sentinel.ts";
import { withConnection } from "../../src/testing/servers/with-connection.ts";
import { replyText } from "../../src/wire/resp/reply.ts";
import { makeCertificates } from "../support/certificates.ts";
import { attempt } from "./attempt.ts";
import type { LmcacheVersion } from "./lmcache-environment.ts";
import {
  type InstalledLmcache,
  pythonScript,
  valkeyRequirements,
  withLmcache,
} from "./lmcache-versions.ts";
import type { Check, Peer, PeerContext } from "./peer.ts";
import { runChecks } from "./python-checks.ts";

/** One way in which an LMCache connector reaches a server. */
interface Route {
  readonly name: string;
  /** The class of LMCache that serves the scheme. */
  readonly connector: string;
  readonly url: (server: RunningServer, files: TlsFiles) => string;
  /** Flags of the server. */
  readonly serve?: (files: TlsFiles) => readonly string[];
  /** LMCache's extra_config. */
  readonly extra?: object | ((version: LmcacheVersion) => object);
  readonly env?: (files: TlsFiles) => NodeJS.ProcessEnv;
  /** Only what depends on the way to the server. */
  readonly brief?: boolean;
  /** With flags or answers of Keepwarm's own. */
  readonly keepwarmOnly?: boolean;
  readonly versions?: readonly LmcacheVersion[];
}

interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const password = "interop-password";
const plain = ({ host, port }: RunningServer): string => `${host}:${port}`;
const tls = ({ cert, key }: TlsFiles) => ["--tls-cert", cert, "--tls-key", key];
const withPassword = ["--requirepass", password];
const clustered = ["--cluster-mode"];

const redisRoutes: readonly Route[] = [
  { name: "redis://", connector: "RedisConnector", url: (server) => `redis://${plain(server)}` },
  {
    name: "redis:// with a password, database 3",
    connector: "RedisConnector",
    url: (server) => `redis://default:${password}@${plain(server)}/3`,
    serve: () => withPassword,
    brief: true,
  },
  {
    name: "rediss://",
    connector: "RedisConnector",
    url: (server, { ca }) => `rediss://:${password}@${plain(server)}/0?ssl_ca_certs=${ca}`,
    serve: (files) => [...tls(files), ...withPassword],
    brief: true,
    keepwarmOnly: true,
  },
  {
    name: "redis-cluster://",
    connector: "RedisClusterConnector",
    url: (server) => `redis-cluster://${plain(server)}`,
    serve: () => clustered,
    brief: true,
    keepwarmOnly: true,
  },
];

const oneKey = { save_chunk_meta: false };

const respRoutes: readonly Route[] = [
  {
    name: "resp://",
    connector: "RESPConnector",
    url: (server) => `resp://${plain(server)}`,
    extra: oneKey,
  },
  {
    name: "resp:// with a password",
    connector: "RESPConnector",
    url: (server) => `resp://${plain(server)}`,
    serve: () => withPassword,
    extra: { ...oneKey, username: "default", password, resp_num_threads: 4 },
    brief: true,
  },
];

/** LMCache 0.3 keeps two keys a chunk over `valkey://`, later releases one. */
const valkeyLayout = (version: LmcacheVersion) => (version === "0.3.15" ? {} : oneKey);

const valkeyRoutes: readonly Route[] = [
  {
    name: "valkey://",
    connector: "ValkeyConnector",
    url: (server) => `valkey://${plain(server)}`,
    extra: valkeyLayout,
  },
  {
    name: "valkey:// with a password (LMCache swaps it with the user name), database 3",
    connector: "ValkeyConnector",
    url: (server) => `valkey://${plain(server)}`,
    serve: () => withPassword,
    extra: (version) => ({
      ...valkeyLayout(version),
      valkey_username: password,
      valkey_password: "default",
      valkey_database: 3,
    }),
    brief: true,
  },
  {
    name: "valkey:// with a time to live",
    connector: "ValkeyConnector",
    url: (server) => `valkey://${plain(server)}`,
    extra: { ...oneKey, valkey_enable_ttl: true, valkey_ttl_sec: 3600 },
    brief: true,
    versions: ["0.5.6"],
  },
  {
    name: "valkey:// with TLS",
    connector: "ValkeyConnector",
    url: (server) => `valkey://${plain(server)}`,
    serve: tls,
    extra: { ...oneKey, tls_enable: true },
    env: ({ ca }) => ({ SSL_CERT_FILE: ca }),
    brief: true,
    keepwarmOnly: true,
    versions: ["0.5.6"],
  },
  {
    name: "valkey:// cluster",
    connector: "ValkeyConnector",
    url: (server) => `valkey://${plain(server)}`,
    serve: () => clustered,
    extra: { ...oneKey, valkey_mode: "cluster" },
    brief: true,
    keepwarmOnly: true,
    versions: ["0.5.6"],
  },
  {
    name: "valkey:// cluster",
    connector: "ValkeyClusterConnector",
    url: (server) => `valkey://${plain(server)}`,
    serve: () => clustered,
    extra: { valkey_mode: "cluster" },
    brief: true,
    keepwarmOnly: true,
    versions: ["0.3.15"],
  },
];

/** LMCache's connector for Redis: two keys a chunk. */
export const lmcacheRedis: Peer = {
  summary: "LMCache's redis://, rediss:// and redis-cluster://, and Sentinels behind Keepwarm",
  async *run(context) {
    yield* withLmcache(context, "redis://", {}, async function* (lmcache) {
      yield* runRoutes(context, lmcache, redisRoutes);
      if (context.target === "keepwarm") yield* throughSentinels(context, lmcache);
    });
  },
};

/** LMCache's own client in C++: one key a chunk. */
export const lmcacheResp: Peer = {
  summary: "LMCache's resp://, its client in C++",
  async *run(context) {
    yield* withLmcache(context, "resp://", {}, (lmcache) =>
      runRoutes(context, lmcache, respRoutes),
    );
  },
};

/** LMCache's connector on valkey-glide. */
export const lmcacheValkey: Peer = {
  summary: "LMCache's valkey:// on valkey-glide, alone and as a cluster",
  async *run(context) {
    const requirements = valkeyRequirements;
    yield* withLmcache(context, "valkey://", { requirements }, (lmcache) =>
      runRoutes(context, lmcache, valkeyRoutes),
    );
  },
};

async function* runRoutes(
  context: PeerContext,
  { version, interpreter }: InstalledLmcache,
  routes: readonly Route[],
): AsyncIterable<Check> {
  const folder = await mkdtemp(join(tmpdir(), "keepwarm-lmcache-"));
  try {
    const files = await writeCertificates(folder);
    for (const route of routes) {
      if (route.versions && !route.versions.includes(version)) continue;
      if (route.keepwarmOnly && context.target !== "keepwarm") continue;
      const variant = `LMCache ${version} ${route.name}`;
      context.progress(variant);
      const { extra = {} } = route;
      await using server = await context.start(route.serve?.(files));
      const settings = JSON.stringify(typeof extra === "function" ? extra(version) : extra);
      const args = [pythonScript("lmcache_connector.py"), route.connector];
      const url = route.url(server, files);
      yield* runChecks(
        variant,
        interpreter,
        ["-B", ...args, url, settings, ...(route.brief ? ["brief"] : [])],
        { env: { ...process.env, ...route.env?.(files) } },
      );
      if (!route.keepwarmOnly && context.target === "keepwarm")
        yield await attempt(variant, "no command was answered with an error", () =>
          expectNoErrors(server.url, route.serve ? password : undefined),
        );
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * LMCache's `redis-sentinel://` does not work, whatever the server; its `redis://` with a Keepwarm
 * whose store is behind Sentinels does.
 */
async function* throughSentinels(
  context: PeerContext,
  { version, interpreter }: InstalledLmcache,
): AsyncIterable<Check> {
  const variant = `LMCache ${version} Sentinels`;
  context.progress(variant);
  await using sentinels = await startSentinels();
  const direct = sentinels.url.replace(/\/[^/]*$/, "");
  yield* runChecks(variant, interpreter, ["-B", pythonScript("lmcache_sentinel.py"), direct]);
  const blocks = (mode: string, { url }: RunningServer) =>
    runChecks(variant, interpreter, ["-B", pythonScript("lmcache_blocks.py"), mode, url]);
  {
    await using first = await context.start(["--remote", sentinels.url]);
    yield* blocks("write", first);
    await pollUntil("all is in the primary", async () => (await sizeOf(sentinels.primary)) === 6);
  }
  await using second = await context.start(["--remote", sentinels.url]);
  yield* blocks("read", second);
}

function sizeOf({ url }: RunningServer): Promise<number> {
  return withConnection(url, async (connection) => Number(await connection.command(["DBSIZE"])));
}

function expectNoErrors(url: string, secret?: string): Promise<void> {
  const options = secret === undefined ? {} : { password: secret };
  return withConnection(
    url,
    async (connection) => {
      const info = replyText(await connection.command(["INFO", "stats"])) ?? "";
      assert.equal(/^total_error_replies:(\d+)/m.exec(info)?.[1], "0");
    },
    options,
  );
}

async function writeCertificates(folder: string): Promise<TlsFiles> {
  const { ca, server } = await makeCertificates();
  const write = async (name: string, text: string): Promise<string> => {
    const file = join(folder, name);
    await writeFile(file, text, { mode: 0o600 });
    return file;
  };
  return {
    ca: await write("ca.pem", ca),
    cert: await write("server.pem", server.cert),
    key: await write("server.key", server.key),
  };
}
