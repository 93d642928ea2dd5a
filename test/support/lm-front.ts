import { expect, onTestFinished } from "vitest";
import { type LmServerOptions } from "../../src/fronts/lm/options.ts";
import { LmServer } from "../../src/fronts/lm/server.ts";
import { silentLogger } from "../../src/observe/logger.ts";
import type { RamTier, RamTierOptions } from "../../src/tiers/ram/ram-tier.ts";
import { type Command, type Generation, command } from "../../src/wire/lm/header.ts";
import { type Description, golden, packPut, packReply, packRequest } from "./lm.ts";
import { startFront } from "./front.ts";
import { RawClient } from "./raw-client.ts";

/** {@link expect.poll} with patience, for machines that do much else. */
export function eventually<T>(probe: () => T): ReturnType<typeof expect.poll<T>> {
  return expect.poll(probe, { timeout: 15_000, interval: 2 });
}

/** An lm:// client that does nothing by itself. */
class LmClient {
  readonly raw: RawClient;
  readonly #generation: Generation | undefined;

  constructor(raw: RawClient, generation: Generation | undefined) {
    this.raw = raw;
    this.#generation = generation;
  }

  send(number: Command, key: string): void {
    this.raw.raw(packRequest(number, key, 0, undefined, this.#generation));
  }

  put(key: string, value: Buffer, description: Description = golden): void {
    this.raw.raw(packPut(key, value, description, this.#generation));
  }

  /** Requires exactly this reply header. */
  async reply(code: number, length = 0, description?: Description): Promise<void> {
    const expected = packReply(code, length, description, this.#generation);
    expect((await this.raw.bytes(expected.length)).toString("hex")).toBe(expected.toString("hex"));
  }

  /** Asks for a block that must be there just so. */
  async hit(key: string, value: Buffer, description: Description = golden): Promise<void> {
    this.send(command.get, key);
    await this.reply(200, value.length, description);
    expect((await this.raw.bytes(value.length)).equals(value)).toBe(true);
  }

  /** Asks for a block that must not be there, both ways. */
  async miss(key: string): Promise<void> {
    this.send(command.get, key);
    await this.reply(400);
    expect(await this.exists(key)).toBe(false);
  }

  async exists(key: string): Promise<boolean> {
    this.send(command.exist, key);
    const size = packReply(200, 0, undefined, this.#generation).length;
    return (await this.raw.bytes(size)).readInt32LE(0) === 200;
  }

  /** Resolves when the server has seen to everything sent before. */
  async settled(): Promise<void> {
    this.send(command.health, "");
    await this.reply(200);
  }

  close(): void {
    this.raw.close();
  }
}

export interface LmFront {
  readonly server: LmServer;
  readonly ram: RamTier;
  client(generation?: Generation): Promise<LmClient>;
  /** A client of Redis's protocol over the same tier. */
  resp(): Promise<RawClient>;
  /** Closes all clients; nothing they began may stay behind, and no memory may be lost. */
  expectNothingLeft(): Promise<void>;
}

/** An lm server of this process on a free port, over a RAM tier of its own (16 MiB by default). */
export async function startLmFront(
  options: Partial<LmServerOptions> = {},
  tier: Partial<RamTierOptions> = {},
): Promise<LmFront> {
  const beside = await startFront({}, tier);
  const { ram } = beside;
  const tiers = options.tiers ?? beside.server.state.tiers;
  const server = await LmServer.listen({ tiers, logger: silentLogger, port: 0, ...options });
  const clients: RawClient[] = [];
  onTestFinished(async () => {
    for (const client of clients) client.close();
    await server.close(0);
  });
  return {
    server,
    ram,
    client: async (generation) => {
      const raw = await RawClient.connect(server.state.port);
      clients.push(raw);
      return new LmClient(raw, generation);
    },
    resp: () => beside.client(),
    expectNothingLeft: async () => {
      for (const client of clients.splice(0)) client.close();
      await eventually(() => server.state.connections.size).toBe(0);
      expect(server.state.waiting.size).toBe(0);
      expect(ram.fillingBytes).toBe(0);
      ram.clear();
      expect(ram.slots.count).toBe(0);
    },
  };
}
