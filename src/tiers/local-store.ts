import type { PutEntry, PutOptions, PutOutcome } from "../store/contract.ts";
import { ChainStore } from "./chain/chain-store.ts";
import { TierChain, type TierChainOptions } from "./chain/tier-chain.ts";
import { RamTier, type RamTierOptions } from "./ram/ram-tier.ts";
import { SsdTier, type SsdTierOptions } from "./ssd/ssd-tier.ts";

export interface LocalStoreOptions extends Omit<TierChainOptions, "ram" | "lower"> {
  readonly ram: RamTierOptions;
  readonly ssd: SsdTierOptions;
}

/**
 * Blocks in memory, and on this machine's disk behind it: what leaves memory is still there, also
 * after a restart. A put resolves when the value is in memory; with `durability: "fsync"` when it is
 * on the disk, or rejected as `"failed"`.
 *
 * @example
 * ```ts
 * const store = await LocalStore.open({
 *   ram: { capacityBytes: 8 * 1024 ** 3 },
 *   ssd: { directory: "/mnt/nvme/kv", capacityBytes: 200 * 1024 ** 3 },
 * });
 * ```
 */
export class LocalStore extends ChainStore {
  readonly ssd: SsdTier;

  private constructor(tiers: TierChain, ssd: SsdTier) {
    super("local", tiers);
    this.ssd = ssd;
  }

  /**
   * Opens the directory; blocks from before are found as the index is loaded
   * ({@link SsdTier.loaded}). Throws as {@link SsdTier.open} does.
   */
  static async open({ ram, ssd, ...options }: LocalStoreOptions): Promise<LocalStore> {
    const tier = new RamTier(ram);
    const lower = await SsdTier.open({
      queueBytes: Math.floor(ram.capacityBytes / 4),
      ...(ram.clock === undefined ? {} : { clock: ram.clock }),
      ...ssd,
    });
    return new LocalStore(new TierChain({ ...options, ram: tier, lower }), lower);
  }

  override async put(entries: readonly PutEntry[], options?: PutOptions): Promise<PutOutcome[]> {
    const outcomes = await super.put(entries, options);
    if (this.ssd.durability !== "fsync" || (await this.tiers.settled()) === "durable")
      return outcomes;
    return outcomes.map((outcome) =>
      outcome.status === "stored" ? { status: "rejected", reason: "failed" } : outcome,
    );
  }

  override async close(): Promise<void> {
    await super.close();
    await this.ssd.close();
  }
}
