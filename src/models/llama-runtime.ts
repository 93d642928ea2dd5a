import { fileURLToPath } from "node:url";
import { install, obtain, type ObtainOptions } from "./obtain.ts";

const version = "3.22.1";
const runtime = `node-llama-cpp@${version}`;
const binary = `@node-llama-cpp/${buildFor(process.platform, process.arch)}@${version}`;

/**
 * The file to import node-llama-cpp from: the one that this program can import anyway, else one in the user's
 * cache folder; put there first by npm if it is not: 85 MB, for the processor only.
 *
 * @throws KeepwarmError `NOT_FOUND` when it cannot be had
 */
export async function obtainLlamaRuntime({ onProgress }: ObtainOptions = {}): Promise<string> {
  try {
    return fileURLToPath(import.meta.resolve("node-llama-cpp"));
  } catch {
    return obtainOwnRuntime({ onProgress });
  }
}

function obtainOwnRuntime({ onProgress }: ObtainOptions): Promise<string> {
  const title = `${runtime}, 85 MB`;
  return obtain({
    name: `node-llama-cpp-${version}`,
    title,
    file: "node_modules/node-llama-cpp/dist/index.js",
    onProgress,
    make: async (folder) => {
      // The optional packages are builds for graphics cards, 600 MB of them.
      const flags = ["--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save"];
      const args = ["install", "--prefix", folder, ...flags, runtime, binary];
      await install(title, "npm", args, `It takes npm, for ${runtime}.`);
    },
  });
}

/** The build that needs no further library. */
function buildFor(platform: string, arch: string): string {
  if (platform === "darwin") return arch === "arm64" ? "mac-arm64-metal" : `mac-${arch}`;
  return platform === "win32" ? `win-${arch}` : `${platform}-${arch}`;
}
