import { homedir } from "node:os";
import { join, resolve } from "node:path";

/**
 * The folder in which what was obtained is kept between runs, such as a model, test servers, Python:
 * `KEEPWARM_TEST_CACHE`, else `XDG_CACHE_HOME/keepwarm`, else `~/.cache/keepwarm`. It may not exist
 * yet, and everything in it can be deleted at any time.
 */
export function testCacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  if (env["KEEPWARM_TEST_CACHE"]) return resolve(env["KEEPWARM_TEST_CACHE"], "keepwarm");
  return join(resolve(env["XDG_CACHE_HOME"] || join(homedir(), ".cache")), "keepwarm");
}
