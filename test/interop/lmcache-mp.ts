import assert from "node:assert/strict";

import { run } from "../../src/testing/servers/run.ts";
import { attempt } from "./attempt.ts";
import { checkMpServer } from "./lmcache-mp-server.ts";
import {
  type InstalledLmcache,
  pythonScript,
  valkeyRequirements,
  withLmcache,
} from "./lmcache-versions.ts";
import type { Check, Peer, PeerContext } from "./peer.ts";
import { runChecks } from "./python-checks.ts";

interface Adapter {
  readonly name: string;
  readonly serve?: readonly string[];
  readonly settings: (port: number) => object;
  readonly keepwarmOnly?: boolean;
  /** Also with `lmcache server` in between. */
  readonly withServer?: boolean;
}

const password = "interop-password";
const nodes = (port: number) => ({ type: "valkey", startup_nodes: `127.0.0.1:${port}` });

const adapters: readonly Adapter[] = [
  {
    name: "resp",
    settings: (port) => ({ type: "resp", host: "127.0.0.1", port, num_workers: 8 }),
    withServer: true,
  },
  {
    name: "resp with a password",
    serve: ["--requirepass", password],
    settings: (port) => ({ type: "resp", host: "127.0.0.1", port, username: "default", password }),
  },
  { name: "valkey", settings: nodes },
  {
    name: "valkey with a password (swapped)",
    serve: ["--requirepass", password],
    settings: (port) => ({ ...nodes(port), username: password, password: "default" }),
  },
  {
    name: "valkey cluster",
    serve: ["--cluster-mode"],
    settings: (port) => ({ ...nodes(port), cluster_mode: true, key_prefix: "interop" }),
    keepwarmOnly: true,
  },
];

/** The adapters through which LMCache's MP server reaches a store. */
export const lmcacheMp: Peer = {
  summary: "the resp and valkey L2 adapters of LMCache's MP server, and `lmcache bench l2`",
  async *run(context) {
    const requirements = valkeyRequirements;
    yield* withLmcache(context, "L2 adapters", { requirements }, (lmcache) =>
      lmcache.version === "0.3.15" ? withoutAdapters(lmcache) : withAdapters(context, lmcache),
    );
  },
};

async function* withoutAdapters({ version, interpreter }: InstalledLmcache): AsyncIterable<Check> {
  const name = "cannot run: L2 adapters (this release has none for servers)";
  yield await attempt(`LMCache ${version}`, name, async () => {
    const program = "import torch, lmcache.v1.distributed.l2_adapters.resp_l2_adapter";
    const { stderr } = await run(interpreter, ["-c", program]);
    assert.match(stderr, /ModuleNotFoundError: No module named '.*resp_l2_adapter'/);
  });
}

async function* withAdapters(
  context: PeerContext,
  { version, interpreter }: InstalledLmcache,
): AsyncIterable<Check> {
  for (const { name, serve, settings, keepwarmOnly, withServer } of adapters) {
    if (keepwarmOnly && context.target !== "keepwarm") continue;
    const variant = `LMCache ${version} L2 ${name}`;
    context.progress(variant);
    await using server = await context.start(serve);
    const adapter = JSON.stringify(settings(server.port));
    if (withServer)
      yield await attempt(variant, "lmcache server, and a second one that finds the blocks", () =>
        checkMpServer(interpreter, adapter, server.url),
      );
    const script = pythonScript("lmcache_mp.py");
    yield* runChecks(variant, interpreter, ["-B", script, adapter]);
    yield await attempt(variant, "lmcache bench l2, verified", () => bench(interpreter, adapter));
    yield await attempt(variant, "basic_check --mode test_l2_adapter", () =>
      basicCheck(interpreter, adapter),
    );
  }
}

/** `lmcache bench l2` with 32 keys of 4 MiB, twice at a time, half of them looked up in vain. */
async function bench(interpreter: string, adapter: string): Promise<void> {
  const size = ["--num-keys", "8", "--in-flight", "2", "--rounds", "2", "--data-size-kb", "4096"];
  const flags = [...size, "--lookup-max-hit-rate", "0.5", "--no-skip-verify"];
  const program = ["-m", "lmcache.cli.main", "bench", "l2", "--l2-adapter", adapter];
  const { code, stdout, stderr } = await run(interpreter, [...program, ...flags], {
    timeoutMs: 120_000,
  });
  assert.equal(code, 0, stderr);
  assert.match(stdout, /\[Verify\] All \d+ keys data verified OK/);
  assert.doesNotMatch(stdout, /MISMATCH|TIMEOUT/);
  assert.deepEqual(
    [...stdout.matchAll(/^Total success: +(\d+)$/gm)].map(([, count]) => count),
    ["32", "16", "32"],
  );
}

async function basicCheck(interpreter: string, adapter: string): Promise<void> {
  const size = ["--obj-size", "1048576", "--num-keys", "8"];
  const program = ["-m", "lmcache.v1.basic_check", "--mode", "test_l2_adapter"];
  const { stdout } = await run(interpreter, [...program, "--l2-adapter", adapter, ...size], {
    timeoutMs: 120_000,
  });
  for (const operation of ["LOOKUP (absent)", "STORE", "LOOKUP (exist)", "LOAD"])
    assert.match(
      stdout,
      new RegExp(`^\\| ${operation.replace(/[()]/g, "\\$&")} .*\\b8/8 .*100\\.0%`, "m"),
    );
}
