import { afterAll, beforeAll, describe, it } from "vitest";
import { ValkeyStore } from "../../../src/backends/valkey/valkey-store.ts";
import { describeBlockStore } from "../../../src/testing/contract-suite.ts";
import { startRedisServer } from "../../../src/testing/servers/redis-server.ts";
import type { RunningServer } from "../../../src/testing/servers/running-server.ts";
import { passTime } from "./pass-time.ts";

const formats = [
  "native",
  "raw",
  "lmcache-pair",
  { name: "lmcache-pair", generation: "valkey-cluster" },
  { name: "hicache", model: "meta/llama", rank: 1, worldSize: 2 },
] as const;

for (const engine of ["redis", "valkey"] as const)
  describe(engine, () => {
    let server: RunningServer;
    let round = 0;
    beforeAll(async () => {
      server = await startRedisServer({ engine });
    });
    afterAll(() => server.stop());

    for (const format of formats)
      describeBlockStore(`ValkeyStore, ${JSON.stringify(format)}`, { describe, it }, async () => ({
        store: new ValkeyStore({ url: server.url, format, prefix: `${round++}:` }),
        advance: (ms: number) => passTime(server.url, ms),
      }));
  });
