import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { lmcacheEnvironment, type LmcacheVersion } from "./lmcache-environment.ts";
import { hashCases } from "./lmcache-hash-cases.ts";
import type { Check, Peer, PeerContext } from "./peer.ts";
import { runChecks } from "./python-checks.ts";
import { findPython } from "./python-environment.ts";

const script = fileURLToPath(new URL("python/lmcache_hashes.py", import.meta.url));
const versions: readonly LmcacheVersion[] = ["0.5.6", "0.4.5", "0.3.15"];
const seeds = [undefined, "0", "42"];

/** LMCache's own hash and key functions, with and without vLLM, on random tokens. No server is needed. */
export const lmcacheHashes: Peer = {
  summary: "LMCache's own chunk hashes and keys beside ours; installs about 8 GB, once",
  async *run(context: PeerContext): AsyncIterable<Check> {
    const { version: pythonVersion } = await findPython(context.python);
    const pythonMinor = Number(pythonVersion.split(".")[1]);
    const folder = await mkdtemp(join(tmpdir(), "keepwarm-hashes-"));
    try {
      for (const version of versions)
        for (const vllm of [false, true]) {
          const interpreter = await lmcacheEnvironment(context.python, version, { vllm });
          const variant = `LMCache ${version}${vllm ? " + vLLM" : ""}`;
          for (const seed of seeds) {
            context.progress(`${variant}, ${seed === undefined ? "no seed" : `seed ${seed}`}`);
            const cases = await hashCases({ version, vllm, seed, pythonMinor });
            const file = join(folder, "cases.json");
            await writeFile(file, JSON.stringify(cases));
            yield* runChecks(variant, interpreter, ["-B", script, file], {
              env: { ...process.env, PYTHONHASHSEED: seed },
            });
          }
        }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};
