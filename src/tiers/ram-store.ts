import { ChainStore } from "./chain/chain-store.ts";
import { TierChain } from "./chain/tier-chain.ts";
import { RamTier, type RamTierOptions } from "./ram/ram-tier.ts";

/**
 * Blocks in memory.
 *
 * @example
 * ```ts
 * const store = new RamStore({ capacityBytes: 1024 ** 3 });
 * await store.put([{ key: "chunk-1", value: bytes }]);
 * const [block] = await store.get(["chunk-1"]);
 * ```
 */
export class RamStore extends ChainStore {
  readonly tier: RamTier;

  constructor(options: RamTierOptions | RamTier) {
    const tier = options instanceof RamTier ? options : new RamTier(options);
    super("ram", new TierChain({ ram: tier }));
    this.tier = tier;
  }
}
