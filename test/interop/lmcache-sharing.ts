import { startKeepwarm } from "../../src/testing/servers/keepwarm-server.ts";
import { needsKeepwarm, pythonScript, withLmcache } from "./lmcache-versions.ts";
import type { Peer } from "./peer.ts";
import { runChecks } from "./python-checks.ts";

/** Blocks that one of LMCache's connectors stores and another one reads. */
export const lmcacheSharing: Peer = {
  summary: "blocks that LMCache's lm:// and redis:// read of each other, of all types and groups",
  async *run(context) {
    needsKeepwarm(context.target, "does not serve lm://");
    yield* withLmcache(context, "lm:// and redis://", {}, async function* (lmcache) {
      await using server = await startKeepwarm({ args: ["--lm-port", "0", "--ram-size", "1GiB"] });
      const script = pythonScript("lmcache_sharing.py");
      const urls = [String(server.ready["lm"]), server.url];
      yield* runChecks(`LMCache ${lmcache.version}`, lmcache.interpreter, ["-B", script, ...urls]);
    });
  },
};
