import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { KeepwarmError } from "../../src/errors.ts";
import { testCacheFolder } from "../../src/testing/servers/cache-folder.ts";

const versions = { lmdb: "3.5.6", "xxhash-wasm": "1.1.0" } as const;

type RivalName = keyof typeof versions;

/**
 * Installs the packages that only this bench compares with into the user's cache folder, once. Needs the
 * network, so it comes before the bench goes to a network namespace.
 *
 * @throws KeepwarmError `NOT_FOUND` when npm cannot install one
 */
export async function installRivals(): Promise<void> {
  for (const name of Object.keys(versions) as RivalName[]) {
    const folder = folderOf(name);
    if (existsSync(join(folder, "node_modules", name, "package.json"))) continue;
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "package.json"), "{}\n");
    const words = ["install", "--no-audit", "--no-fund", `${name}@${versions[name]}`];
    try {
      await promisify(execFile)("npm", words, { cwd: folder, timeout: 120_000 });
    } catch (cause) {
      throw new KeepwarmError("NOT_FOUND", `npm does not install ${name}@${versions[name]}`, {
        cause,
        remedy: "Give it a registry that it can reach.",
      });
    }
  }
}

/** Loads a package that {@link installRivals} has installed. */
export async function loadRival(name: RivalName): Promise<unknown> {
  const path = createRequire(join(folderOf(name), "package.json")).resolve(name);
  return import(pathToFileURL(path).href);
}

function folderOf(name: RivalName): string {
  return join(testCacheFolder(), "bench", `${name}-${versions[name]}`);
}
