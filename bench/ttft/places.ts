import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openPlace } from "../../src/cli/demo/store.ts";
import { isKeepwarmError } from "../../src/errors.ts";
import type { BlockStore, EntryInfo } from "../../src/store/contract.ts";
import { RamStore } from "../../src/tiers/ram-store.ts";
import { startKeepwarm } from "../../src/testing/servers/keepwarm-server.ts";
import { startRedisServer } from "../../src/testing/servers/redis-server.ts";

/** A place to restore from; ended by `await using`. */
export interface Place extends AsyncDisposable {
  readonly store: BlockStore;
}

/** The places that are compared, by name. */
export const places: Readonly<Record<string, () => Promise<Place>>> = {
  RAM: async () => {
    const store = new RamStore({ capacityBytes: 1024 ** 3 });
    return { store, [Symbol.asyncDispose]: () => store.close() };
  },
  SSD: async () => {
    const directory = await mkdtemp(join(tmpdir(), "keepwarm-ttft-"));
    const store = await openPlace({ kind: "directory", directory });
    const end = async (): Promise<void> => {
      await store.close();
      await rm(directory, { recursive: true, force: true });
    };
    return { store, [Symbol.asyncDispose]: end };
  },
  "Keepwarm server": async () => onServer(await startKeepwarm({ args: ["--ram-size", "1GiB"] })),
  "Valkey server": async () => onServer(await startRedisServer({ engine: "valkey" })),
};

/** The place, or nothing where its server cannot be had; a line says so. */
export async function openIfThere(name: string): Promise<Place | undefined> {
  try {
    return await places[name]();
  } catch (error) {
    if (!isKeepwarmError(error, "NOT_FOUND")) throw error;
    console.error(`${name} is left out: ${error.message}. ${error.remedy ?? ""}`);
    return undefined;
  }
}

/** Puts all blocks of one store into another. */
export async function copyBlocks(from: BlockStore, to: BlockStore): Promise<void> {
  const entries: EntryInfo[] = [];
  for await (const entry of from.scan()) entries.push(entry);
  for (const { key } of entries) {
    const [block] = await from.get([key]);
    if (block === undefined) continue;
    await to.put([{ key, value: block.bytes }]);
    block.release();
  }
}

async function onServer(server: AsyncDisposable & { readonly url: string }): Promise<Place> {
  const store = await openPlace({ kind: "url", url: server.url });
  const end = async (): Promise<void> => {
    await store.close();
    await server[Symbol.asyncDispose]();
  };
  return { store, [Symbol.asyncDispose]: end };
}
