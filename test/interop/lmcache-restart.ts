import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { freePort } from "../../src/testing/servers/free-port.ts";
import { pollUntil } from "../../src/testing/servers/poll.ts";
import { withConnection } from "../../src/testing/servers/with-connection.ts";
import { replyText } from "../../src/wire/resp/reply.ts";
import { type RunningKeepwarm, startKeepwarm } from "../../src/testing/servers/keepwarm-server.ts";
import type { LmcacheVersion } from "./lmcache-environment.ts";
import {
  needsKeepwarm,
  pythonScript,
  valkeyRequirements,
  withLmcache,
} from "./lmcache-versions.ts";
import type { Check, Peer } from "./peer.ts";
import { runChecks } from "./python-checks.ts";

interface Client {
  readonly name: string;
  /** Script and arguments. */
  readonly program: (ports: Ports, version: LmcacheVersion) => readonly string[];
  readonly versions?: readonly LmcacheVersion[];
}

interface Ports {
  readonly resp: number;
  readonly lm: number;
}

const oneKey = { save_chunk_meta: false };

const connector = (
  scheme: string,
  name: string,
  extra: (version: LmcacheVersion) => object,
): Client => ({
  name: `${scheme}://`,
  program: ({ resp, lm }, version) => [
    pythonScript("lmcache_restart.py"),
    name,
    `${scheme}://127.0.0.1:${scheme === "lm" ? lm : resp}`,
    JSON.stringify(extra(version)),
  ],
});

const adapter = (name: string, settings: (port: number) => object): Client => ({
  name: `L2 ${name}`,
  program: ({ resp }) => [pythonScript("lmcache_mp.py"), JSON.stringify(settings(resp)), "restart"],
  versions: ["0.5.6"],
});

const clients: readonly Client[] = [
  connector("redis", "RedisConnector", () => ({})),
  connector("resp", "RESPConnector", () => oneKey),
  connector("valkey", "ValkeyConnector", (version) =>
    version === "0.3.15" ? {} : { ...oneKey, request_timeout: 3 },
  ),
  connector("lm", "LMCServerConnector", () => ({})),
  adapter("resp", (port) => ({ type: "resp", host: "127.0.0.1", port })),
  adapter("valkey", (port) => ({ type: "valkey", startup_nodes: `127.0.0.1:${port}` })),
];

/** Engines under load while Keepwarm is killed and started again over its directory. */
export const lmcacheRestart: Peer = {
  summary: "Keepwarm killed and started again under LMCache's load, with a disk",
  async *run(context) {
    needsKeepwarm(context.target, "has no such tiers");
    const requirements = valkeyRequirements;
    yield* withLmcache(context, "restarts", { requirements }, async function* (lmcache) {
      const { version, interpreter } = lmcache;
      for (const client of clients) {
        if (client.versions && !client.versions.includes(version)) continue;
        const variant = `LMCache ${version} ${client.name}`;
        context.progress(variant);
        yield* checkRestarts(variant, interpreter, client, version);
      }
    });
  },
};

async function* checkRestarts(
  variant: string,
  interpreter: string,
  client: Client,
  version: LmcacheVersion,
): AsyncIterable<Check> {
  const directory = await mkdtemp(join(tmpdir(), "keepwarm-restart-"));
  const [resp, lm] = [await freePort(), await freePort()];
  const start = (): Promise<RunningKeepwarm> =>
    startKeepwarm({
      args: [
        `--resp-port=${resp}`,
        `--lm-port=${lm}`,
        "--ram-size=512MiB",
        `--ssd-dir=${directory}`,
        "--ssd-size=2GiB",
        "--durability=fsync",
      ],
    });
  let server = await start();
  try {
    const program = client.program({ resp, lm }, version);
    yield* runChecks(variant, interpreter, ["-B", ...program], {
      onRequest: async (request) => {
        if (request === "start") {
          server = await start();
          await pollUntil("the disk's index is loaded", () => isLoaded(server.url));
        } else if (request === "end") await server.stop();
        else {
          server.process.kill("SIGKILL");
          await server.process.exited;
        }
      },
    });
  } finally {
    await server.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

/** Until then what is on disk is a miss. */
function isLoaded(url: string): Promise<boolean> {
  return withConnection(url, async (connection) => {
    const info = replyText(await connection.command(["INFO", "tiers"]));
    return info?.includes("ssd_state:ready") === true;
  });
}
