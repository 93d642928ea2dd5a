import { expect } from "vitest";
import type { RespLimits } from "../../../src/fronts/resp/options.ts";
import { RespServer } from "../../../src/fronts/resp/server.ts";
import { silentLogger } from "../../../src/observe/logger.ts";
import { TierChain } from "../../../src/tiers/chain/tier-chain.ts";
import { RamTier } from "../../../src/tiers/ram/ram-tier.ts";
import { Bystander, MIB, Peer } from "./peer.ts";

export interface FrontOptions {
  readonly limits?: Partial<RespLimits>;
  /** Default 64 MiB. */
  readonly capacityBytes?: number;
  readonly password?: string;
}

/** A server in this process, with a well-behaved client beside the bad ones of the test. */
export class Front implements AsyncDisposable {
  readonly server: RespServer;
  readonly ram: RamTier;
  readonly bystander: Bystander;
  readonly #peers: Peer[] = [];

  private constructor(server: RespServer, ram: RamTier) {
    this.server = server;
    this.ram = ram;
    this.bystander = new Bystander(server.state.port);
  }

  static async start(options: FrontOptions = {}): Promise<Front> {
    const { limits = {}, capacityBytes = 64 * MIB, password } = options;
    const ram = new RamTier({ capacityBytes });
    const server = await RespServer.listen({
      tiers: new TierChain({ ram }),
      version: "test",
      logger: silentLogger,
      port: 0,
      limits,
      ...(password !== undefined && { password }),
    });
    return new Front(server, ram);
  }

  connect(): Peer {
    const peer = new Peer(this.server.state.port);
    this.#peers.push(peer);
    return peer;
  }

  /** Bytes that connections hold of requests that are not complete. */
  get heldBytes(): number {
    let sum = 0;
    for (const { connection } of this.server.state.sessions.values()) sum += connection.heldBytes;
    return sum;
  }

  /** Most bytes of replies that wait for one client. */
  get unwrittenBytes(): number {
    let most = 0;
    for (const { connection } of this.server.state.sessions.values())
      most = Math.max(most, connection.unwrittenBytes);
    return most;
  }

  /** The tier is within its capacity, and at most half of it is being filled. */
  expectBounded(): void {
    expect(this.ram.usedBytes).toBeLessThanOrEqual(this.ram.capacityBytes);
    expect(this.ram.fillingBytes).toBeLessThanOrEqual(this.ram.capacityBytes / 2);
  }

  /** Cuts all clients off; nothing they began may stay behind, and no memory may be lost. */
  async expectNothingLeft(): Promise<void> {
    for (const peer of this.#peers) peer.destroy();
    this.bystander.close();
    const { state } = this.server;
    await expect.poll(() => state.sessions.size, { timeout: 5_000 }).toBe(0);
    expect(this.ram.fillingBytes).toBe(0);
    expect(state.landingBytes).toBe(0);
    expect(state.waiting.size).toBe(0);
    this.ram.clear();
    expect(this.ram.slots.count).toBe(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const peer of this.#peers) peer.destroy();
    this.bystander.close();
    await this.server.close(0);
  }
}
