import { describe, it } from "vitest";
import { LmStore } from "../../../src/backends/lm/lm-store.ts";
import { LmServer } from "../../../src/fronts/lm/server.ts";
import { silentLogger } from "../../../src/observe/logger.ts";
import { describeBlockStore } from "../../../src/testing/contract-suite.ts";
import { TierChain } from "../../../src/tiers/chain/tier-chain.ts";
import { RamTier } from "../../../src/tiers/ram/ram-tier.ts";

for (const connections of [1, 4])
  describeBlockStore(
    `LmStore, ${connections} connection${connections === 1 ? "" : "s"}, a Keepwarm`,
    { describe, it },
    async () => {
      const tiers = new TierChain({ ram: new RamTier({ capacityBytes: 32 * 1024 ** 2 }) });
      const server = await LmServer.listen({ tiers, logger: silentLogger, port: 0 });
      const store = new LmStore({ url: server.url, connections, maxBlockBytes: 8 * 1024 ** 2 });
      return { store, cleanUp: () => server.close(0) };
    },
  );
