import type { ConnectionOptions } from "node:tls";
import { expect, onTestFinished } from "vitest";
import type { RespServerOptions } from "../../src/fronts/resp/options.ts";
import { RespServer } from "../../src/fronts/resp/server.ts";
import { silentLogger } from "../../src/observe/logger.ts";
import { TierChain, type TierChainOptions } from "../../src/tiers/chain/tier-chain.ts";
import { RamTier, type RamTierOptions } from "../../src/tiers/ram/ram-tier.ts";
import { RawClient } from "./raw-client.ts";

export interface Front {
  readonly server: RespServer;
  readonly ram: RamTier;
  /** Connects one more client. */
  client(options?: ConnectionOptions): Promise<RawClient>;
  /** Closes all clients; the bytes that are reserved for values all the same, which should be none. */
  leftReserved(): Promise<number>;
}

/**
 * A RESP server of this process on a free port, over a RAM tier of its own (16 MiB unless told
 * otherwise). It and its clients end with the test.
 */
export async function startFront(
  options: Partial<RespServerOptions> = {},
  tier: Partial<RamTierOptions> = {},
  chain: Omit<TierChainOptions, "ram"> = {},
): Promise<Front> {
  const ram = new RamTier({ capacityBytes: 16 * 1024 ** 2, ...tier });
  const server = await RespServer.listen({
    tiers: new TierChain({ ...chain, ram }),
    version: "test",
    logger: silentLogger,
    port: 0,
    ...options,
  });
  const clients: RawClient[] = [];
  onTestFinished(async () => {
    for (const client of clients) client.close();
    await server.close(0);
  });
  return {
    server,
    ram,
    client: async (tls) => {
      const client = await RawClient.connect(server.state.port, tls);
      clients.push(client);
      return client;
    },
    leftReserved: async () => {
      for (const client of clients.splice(0)) client.close();
      await expect.poll(() => server.state.sessions.size).toBe(0);
      return ram.fillingBytes;
    },
  };
}
