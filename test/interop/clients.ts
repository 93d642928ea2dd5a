import { fileURLToPath } from "node:url";

import type { Check, Peer, PeerContext } from "./peer.ts";
import { findPython, pythonEnvironment } from "./python-environment.ts";
import { runChecks } from "./python-checks.ts";

interface Library {
  readonly name: string;
  /** The module to import; the libraries are alike otherwise. */
  readonly module: "redis" | "valkey";
  readonly requirements: readonly string[];
}

const libraries: readonly Library[] = [
  { name: "redis-py 7", module: "redis", requirements: ["redis==7.*"] },
  { name: "redis-py 7 + hiredis", module: "redis", requirements: ["redis==7.*", "hiredis==3.*"] },
  { name: "redis-py 8", module: "redis", requirements: ["redis==8.*"] },
  { name: "redis-py 8 + hiredis", module: "redis", requirements: ["redis==8.*", "hiredis==3.*"] },
  { name: "valkey-py 6", module: "valkey", requirements: ["valkey==6.*"] },
  {
    name: "valkey-py 6 + libvalkey",
    module: "valkey",
    requirements: ["valkey==6.*", "libvalkey==4.*"],
  },
];

const script = fileURLToPath(new URL("python/clients.py", import.meta.url));
const password = "interop-password";

/** The Python client libraries that LMCache and SGLang talk through, each in RESP2 and RESP3. */
export const clients: Peer = {
  summary: "redis-py 7 and 8, valkey-py, with and without their C parsers",
  async *run(context: PeerContext): AsyncIterable<Check> {
    const python = await findPython(context.python);
    const server = await context.start();
    const guarded = await context.start(["--requirepass", password]);
    for (const { name, module, requirements } of libraries) {
      const interpreter = await pythonEnvironment(python, requirements);
      context.progress(name);
      const args = [module, server.url, guarded.url.replace("//", `//:${password}@`)];
      yield* runChecks(name, interpreter, ["-B", script, ...args, context.target]);
    }
  },
};
