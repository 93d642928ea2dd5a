import { KeepwarmError } from "../../src/errors.ts";
import { findPython, pythonEnvironment } from "./python-environment.ts";

/** Releases of LMCache that interop rows run against: the newest, and the last of the 0.3 line. */
export const lmcacheVersions = ["0.5.6", "0.3.15"] as const;

/** Versions of LMCache that can be installed; 0.4.5 is the last of a rule of its own for hashes. */
export type LmcacheVersion = (typeof lmcacheVersions)[number] | "0.4.5";

/**
 * What LMCache imports, for all versions: about 6 GB, most of it CUDA libraries that torch from PyPI
 * cannot be loaded without. Where pip knows a source of CPU builds (`PIP_EXTRA_INDEX_URL`,
 * `PIP_FIND_LINKS`) it takes torch from there, which needs a tenth.
 */
const base = [
  "torch==2.15.0",
  "transformers==5.*",
  "numpy<=2.2.6",
  "numba",
  "safetensors",
  "huggingface_hub>=1.5.0",
  "aiofile",
  "aiofiles",
  "aiohttp",
  "blake3==1.*",
  "cachetools",
  "cryptography",
  "fastapi",
  "grpcio>=1.78",
  "httptools",
  "httpx",
  "msgspec",
  "nvtx",
  "opentelemetry-api<=1.40.0",
  "opentelemetry-exporter-prometheus<=0.61b0",
  "opentelemetry-sdk",
  "prometheus_client<=0.24.1",
  "protobuf<7,>=6.31.1",
  "psutil",
  "py-cpuinfo",
  "pytest",
  "pyyaml",
  "pyzmq>=25",
  "redis",
  "requests",
  "setuptools<81",
  "sortedcontainers",
  "uvicorn",
];

/** What the modules of vLLM import that LMCache takes its hash functions from. */
const forVllm = [
  "cbor2==6.*",
  "cloudpickle",
  "llguidance",
  "openai",
  "openai_harmony",
  "partial-json-parser",
  "pillow",
  "pybase64",
  "pydantic",
  "regex",
  "uvloop",
  "xgrammar==0.2.8",
  "xxhash",
];

export interface LmcacheEnvironmentOptions {
  /** With vLLM, unchanged but without its kernels' dependencies: LMCache hashes by its functions. */
  readonly vllm?: boolean;
  /** Further requirements of a row, such as `valkey-glide-sync`. */
  readonly requirements?: readonly string[];
}

/**
 * The interpreter of an environment with an unmodified LMCache from PyPI, for CPUs. Its big
 * dependencies are installed once, for all versions.
 *
 * @param command the Python to make it with, 3.10 to 3.13
 * @throws KeepwarmError `NOT_FOUND` when that Python does not do, or something cannot be installed.
 *
 * @example
 * ```ts
 * const interpreter = await lmcacheEnvironment("python3", "0.5.6");
 * yield* runChecks("LMCache 0.5.6", interpreter, ["-B", script, server.url]);
 * ```
 */
export async function lmcacheEnvironment(
  command: string,
  version: LmcacheVersion,
  { vllm = false, requirements = [] }: LmcacheEnvironmentOptions = {},
): Promise<string> {
  const python = await findPython(command);
  const [, minor] = python.version.split(".").map(Number);
  if (minor < 10 || minor > 13)
    throw new KeepwarmError("NOT_FOUND", `LMCache has no wheel for Python ${python.version}`, {
      remedy: "Name a Python from 3.10 to 3.13 with --python.",
    });
  const shared = await pythonEnvironment(python, base);
  const bare = [`lmcache==${version}`, ...(vllm ? ["vllm==0.33.0"] : [])];
  const own = [...(vllm ? forVllm : []), ...requirements];
  return pythonEnvironment(python, own, { bare, base: shared });
}
