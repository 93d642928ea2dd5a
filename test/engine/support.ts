import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { KvEngine } from "../../src/engine/kv-engine.ts";
import type { KvEngineOptions, TokenRange } from "../../src/engine/types.ts";
import type { BlockStore } from "../../src/store/contract.ts";
import { LocalStore } from "../../src/tiers/local-store.ts";
import { RamStore } from "../../src/tiers/ram-store.ts";

export const namespace = { model: "test/model", dtype: "float16" } as const;
const mebibyte = 1024 ** 2;

/** {@link expect.poll} with patience, for machines that do much else. */
export function eventually<T>(probe: () => T): ReturnType<typeof expect.poll<T>> {
  return expect.poll(probe, { timeout: 15_000, interval: 5 });
}

/** An engine with chunks of four tokens, closed when the test ends. */
export async function openEngine(
  store: BlockStore | string,
  options: Partial<KvEngineOptions> = {},
): Promise<KvEngine> {
  const engine = await KvEngine.open({ store, namespace, chunkSize: 4, ...options });
  onTestFinished(() => engine.close());
  return engine;
}

export function ramStore(capacityBytes = 16 * mebibyte): RamStore {
  const store = new RamStore({ capacityBytes });
  onTestFinished(() => store.close());
  return store;
}

export async function localStore(): Promise<LocalStore> {
  const directory = await mkdtemp(join(tmpdir(), "keepwarm-engine-"));
  const store = await LocalStore.open({
    ram: { capacityBytes: 16 * mebibyte },
    ssd: { directory, capacityBytes: 64 * mebibyte },
  });
  onTestFinished(async () => {
    await store.close();
    await rm(directory, { recursive: true });
  });
  return store;
}

/** `count` token ids from `first` on. */
export function tokensFrom(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

/** A value for each range of a prompt, always the same for the same tokens. */
export class Values {
  readonly asked: TokenRange[] = [];
  readonly #bytes = new Map<string, Buffer>();
  readonly #length: number;

  constructor(length = 1000) {
    this.#length = length;
  }

  of(tokens: readonly number[], { start, end }: TokenRange): Buffer {
    const name = tokens.slice(0, end).join();
    const bytes = this.#bytes.get(name) ?? randomBytes(this.#length * (end - start));
    this.#bytes.set(name, bytes);
    return bytes;
  }

  source(tokens: readonly number[]): (range: TokenRange) => Buffer {
    return (range) => {
      this.asked.push(range);
      return this.of(tokens, range);
    };
  }
}
