import { join } from "node:path";
import { openStore } from "../../backends/registry.ts";
import { KeepwarmError } from "../../errors.ts";
import { RespServer } from "../../fronts/resp/server.ts";
import { silentLogger } from "../../observe/logger.ts";
import type { BlockStore, Key } from "../../store/contract.ts";
import { keyBytes } from "../../store/key-bytes.ts";
import { LocalStore } from "../../tiers/local-store.ts";
import { RamStore } from "../../tiers/ram-store.ts";
import { version } from "../../util/version.ts";

const ramBytes = 1024 ** 3;
const ssdBytes = 4 * 1024 ** 3;

/** Where blocks are, as another process can be told. */
export type StorePlace =
  | { readonly kind: "url"; readonly url: string }
  /** A data directory; only one process has it at a time. */
  | { readonly kind: "directory"; readonly directory: string };

export interface DemoStore extends AsyncDisposable {
  readonly store: BlockStore;
  /**
   * What another process can open instead of this one. The store of a directory is closed for it; one in
   * memory is from then on served on loopback.
   */
  handOver(): Promise<StorePlace>;
}

export interface DemoStoreOptions {
  readonly url?: string | undefined;
  /** A folder below which the data directory is made. */
  readonly ssd?: string | undefined;
}

/** The name of the data directory below the folder that was named. */
export function demoDirectory(folder: string): string {
  return join(folder, "keepwarm-demo");
}

/**
 * Says before a model is loaded that the server of a URL does not answer.
 *
 * @throws KeepwarmError `CONNECTION_FAILED`
 */
export async function requireServer(url: string): Promise<void> {
  const store: BlockStore & { check?(): Promise<void> } = await openStore(url, silentLogger);
  try {
    await store.check?.();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new KeepwarmError("CONNECTION_FAILED", `nothing could be stored: ${why}`, {
      cause,
      remedy: "Is the server of --url there? keepwarm doctor URL says more.",
    });
  } finally {
    await store.close();
  }
}

/** The store that was asked for, in memory by default. */
export async function openDemoStore({ url, ssd }: DemoStoreOptions): Promise<DemoStore> {
  if (url !== undefined) return openAsIs({ kind: "url", url });
  if (ssd !== undefined) return openAsIs({ kind: "directory", directory: demoDirectory(ssd) });
  const store = new RamStore({ capacityBytes: ramBytes });
  let server: RespServer | undefined;
  return {
    store,
    handOver: async () => {
      const { tiers } = store;
      server = await RespServer.listen({ tiers, version, logger: silentLogger, port: 0 });
      return { kind: "url", url: server.url };
    },
    [Symbol.asyncDispose]: async () => {
      await server?.close(0);
      await store.close();
    },
  };
}

/** What {@link DemoStore.handOver} named. */
export async function openPlace(place: StorePlace): Promise<BlockStore> {
  if (place.kind === "url") return openStore(place.url, silentLogger);
  const store = await LocalStore.open({
    ram: { capacityBytes: ramBytes },
    ssd: { directory: place.directory, capacityBytes: ssdBytes },
  });
  await store.ssd.loaded();
  return store;
}

/** Lets everything leave memory that is on the disk, so that it has to come from there. */
export async function leaveMemory(store: BlockStore): Promise<void> {
  if (!(store instanceof LocalStore)) return;
  await store.tiers.settled();
  for await (const { key } of store.scan()) {
    const entry = store.tiers.ram.find(key, 0, key.length, 0);
    if (entry !== 0) store.tiers.demote(entry);
  }
}

/** A block that was stored. */
export interface StoredBlock {
  readonly key: Key;
  readonly bytes: number;
}

/** What is stored from now on, in its order. */
export function recordBlocks(store: BlockStore): readonly StoredBlock[] {
  const blocks: StoredBlock[] = [];
  const put = store.put.bind(store);
  store.put = (entries, options) => {
    for (const { key, value } of entries) {
      const parts = value instanceof Uint8Array ? [value] : value;
      blocks.push({ key, bytes: parts.reduce((sum, part) => sum + part.length, 0) });
    }
    return put(entries, options);
  };
  return blocks;
}

/** The key of a chunk in the middle of a prompt: tails are smaller, and lists of them still more. */
export function middleChunk(blocks: readonly StoredBlock[]): Key | undefined {
  const most = Math.max(...blocks.map(({ bytes }) => bytes));
  const chunks = blocks.filter(({ bytes }) => bytes === most);
  return chunks[chunks.length >> 1]?.key;
}

/** Flips one bit in the middle of a block that is stored. Whether it was there. */
export async function damage(store: BlockStore, key: Key): Promise<boolean> {
  const name = keyBytes(key);
  const [block] = await store.get([name]);
  if (block === undefined) return false;
  const value = Buffer.from(block.bytes);
  block.release();
  value[value.length >> 1] ^= 1;
  const [outcome] = await store.put([{ key: name, value }]);
  return outcome.status === "stored";
}

async function openAsIs(place: StorePlace): Promise<DemoStore> {
  const store = await openPlace(place);
  const close = (): Promise<void> => store.close();
  return {
    store,
    handOver: async () => {
      await close();
      return place;
    },
    [Symbol.asyncDispose]: close,
  };
}
