import assert from "node:assert/strict";

import { startKeepwarm } from "../../src/testing/servers/keepwarm-server.ts";
import { ServerProcess } from "../../src/testing/servers/process.ts";
import { attempt } from "./attempt.ts";
import { needsKeepwarm, valkeyRequirements, withLmcache } from "./lmcache-versions.ts";
import type { Peer } from "./peer.ts";

const operations = ["EXISTS (non-exist)", "PUT", "EXISTS (exist)", "GET"];

/** The check that LMCache brings for users, as its documents tell them to run it. */
export const lmcacheCheck: Peer = {
  summary: "LMCache's own `basic_check --mode test_remote` with every scheme",
  async *run(context) {
    needsKeepwarm(context.target, "does not serve lm://");
    const requirements = valkeyRequirements;
    yield* withLmcache(context, "basic_check", { requirements }, async function* (lmcache) {
      const { version, interpreter } = lmcache;
      await using server = await startKeepwarm({ args: ["--lm-port", "0", "--ram-size", "1GiB"] });
      const { host, port } = server;
      const schemes = [String(server.ready["lm"]), server.url, `resp://${host}:${port}`];
      for (const url of [...schemes, `valkey://${host}:${port}`]) {
        const [scheme] = url.split("//");
        const isRaw = scheme === "resp:" || (scheme === "valkey:" && version !== "0.3.15");
        yield await attempt(`LMCache ${version}`, `basic_check over ${scheme}//`, () =>
          basicCheck(interpreter, {
            LMCACHE_REMOTE_URL: url,
            LMCACHE_MAX_LOCAL_CPU_SIZE: "0.2",
            LMCACHE_SAVE_UNFULL_CHUNK: "false",
            LMCACHE_EXTRA_CONFIG: JSON.stringify({ save_chunk_meta: !isRaw }),
          }),
        );
      }
    });
  },
};

/** It prints its table and then, with most connectors, waits for itself for ever: that is LMCache's. */
async function basicCheck(interpreter: string, settings: NodeJS.ProcessEnv): Promise<void> {
  const lines: string[] = [];
  const args = ["-u", "-m", "lmcache.v1.basic_check", "--mode", "test_remote"];
  const program = new ServerProcess(
    "basic_check",
    { path: interpreter, env: process.env },
    {
      args: [...args, "--model", "org/model"],
      env: settings,
      onLine: (line) => lines.push(line),
    },
  );
  try {
    const last = operations[operations.length - 1];
    await program.until(
      async () => lines.some((line) => line.startsWith(`| ${last} `)) || undefined,
      60_000,
    );
  } finally {
    program.kill("SIGKILL");
    await program.exited;
  }
  for (const operation of operations)
    assert.ok(
      lines.some((line) => line.startsWith(`| ${operation} `) && line.includes(" 5/5 ")),
      lines.join("\n"),
    );
}
