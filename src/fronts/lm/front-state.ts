import type { TierChain } from "../../tiers/chain/tier-chain.ts";
import type { RamTier } from "../../tiers/ram/ram-tier.ts";
import { ReadWindow } from "../../wire/resp/read-window.ts";
import { LmBlocks } from "./blocks.ts";
import type { LmConnection } from "./connection.ts";
import { type LmLimits, type LmServerOptions, defaultLmLimits } from "./options.ts";
import type { LmStats } from "./stats.ts";

/** What all clients of one lm front share. */
export class LmFrontState {
  readonly tiers: TierChain;
  /** The first of the tiers. */
  readonly ram: RamTier;
  readonly blocks: LmBlocks;
  readonly options: LmServerOptions;
  readonly limits: LmLimits;
  readonly window: ReadWindow = new ReadWindow();
  readonly connections: Set<LmConnection> = new Set();
  /** Clients with a value that waits for memory. */
  readonly waiting: Set<LmConnection> = new Set();
  port = 0;

  connectionsRejected = 0;
  gets = 0;
  hits = 0;
  exists = 0;
  puts = 0;
  dropped = 0;
  bytesIn = 0;
  bytesOut = 0;
  protocolErrors = 0;
  #retryDue = false;

  constructor(options: LmServerOptions) {
    this.options = options;
    this.tiers = options.tiers;
    this.ram = options.tiers.ram;
    this.blocks = new LmBlocks(options.tiers);
    options.tiers.onRoomBelow(() => this.retryWaiting());
    this.limits = { ...defaultLmLimits, ...options.limits };
  }

  now(): number {
    return this.ram.now();
  }

  /** Memory may have come free: lets those who wait for it try again, after this turn. */
  retryWaiting(): void {
    if (this.waiting.size === 0 || this.#retryDue) return;
    this.#retryDue = true;
    setImmediate(() => {
      this.#retryDue = false;
      for (const connection of this.waiting) connection.retryRoom();
    });
  }

  stats(): LmStats {
    const { gets, hits, exists, puts, dropped, bytesIn, bytesOut, protocolErrors } = this;
    return {
      clients: {
        connected: this.connections.size,
        max: this.limits.clients,
        rejected: this.connectionsRejected,
      },
      gets,
      hits,
      misses: gets - hits,
      exists,
      puts,
      dropped,
      bytesIn,
      bytesOut,
      protocolErrors,
    };
  }
}
