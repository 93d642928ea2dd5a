import { storeProblem } from "../../backends/registry.ts";
import { KeepwarmError } from "../../errors.ts";

/**
 * Says at once, before a model is loaded, that a URL names no store.
 *
 * @throws KeepwarmError `INPUT_INVALID`
 */
export function checkStoreUrl(url: string | undefined): void {
  const problem = url === undefined ? undefined : storeProblem(url);
  if (problem === undefined) return;
  throw new KeepwarmError("INPUT_INVALID", problem.message, { remedy: problem.remedy });
}

/** The URL as it may be shown: without user, password and settings. */
export function shownUrl(url: string): string {
  return url.replace(/\/\/[^/]*@/, "//").replace(/\?.*/, "");
}

/** What kind of server a URL names: `valkey`, `redis`, `lm`. */
export function kindOfUrl(url: string): string {
  return /^(redis|valkey|keepwarm|unix|lm)/i.exec(url)?.[1].toLowerCase() ?? url;
}
