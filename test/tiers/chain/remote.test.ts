import { describe, expect, test } from "vitest";
import type { Block } from "../../../src/store/block.ts";
import type {
  CallOptions,
  GetOptions,
  Key,
  PutEntry,
  PutOptions,
  PutOutcome,
} from "../../../src/store/contract.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { Remote } from "../../../src/tiers/chain/remote.ts";
import { TierChain } from "../../../src/tiers/chain/tier-chain.ts";
import { RamStore } from "../../../src/tiers/ram-store.ts";
import { RamTier } from "../../../src/tiers/ram/ram-tier.ts";

/** A store that does what it is told when the gate is open, and gives what it had when it was asked. */
class GatedStore extends RamStore {
  #gate: Promise<void> | undefined;
  open: () => void = () => undefined;
  /** Calls that wait at the gate. */
  waiting = 0;

  shut(): void {
    this.#gate = new Promise((resolve) => (this.open = resolve));
  }

  override async get(keys: readonly Key[], options?: GetOptions): Promise<(Block | undefined)[]> {
    const found = await super.get(keys, options);
    await this.#pass();
    return found;
  }

  override async put(entries: readonly PutEntry[], options?: PutOptions): Promise<PutOutcome[]> {
    await this.#pass();
    return super.put(entries, options);
  }

  override async delete(keys: readonly Key[], options?: CallOptions): Promise<number> {
    await this.#pass();
    return super.delete(keys, options);
  }

  async #pass(): Promise<void> {
    this.waiting++;
    await this.#gate;
    this.waiting--;
  }
}

test("a value whose time is over before it is written leaves no older one behind", async () => {
  const clock = new FakeClock();
  const ram = new RamTier({ capacityBytes: 1024 ** 2, clock });
  const store = new GatedStore({ capacityBytes: 1024 ** 2 });
  const remote = new Remote(ram, store, { writesAtOnce: 1 });
  const write = (key: string, expiresAt: number): void => {
    const slot = ram.reserve(1, key.length);
    ram.slots.value(slot).write("v");
    const entry = ram.publish(slot, Buffer.from(key), 0, key.length, 0, expiresAt);
    remote.write(ram.entries.slot(entry), 0, expiresAt);
  };
  write("k", 0);
  await remote.settled();
  expect(await store.has(["k"])).toEqual([true]);

  store.shut();
  write("other", 0);
  write("k", clock.now() + 10);
  clock.advance(20);
  store.open();
  await remote.settled();
  expect(await store.has(["other", "k"])).toEqual([true, false]);
});

describe("what is not in step with the store", () => {
  const key = Buffer.from("k");

  async function start(): Promise<{
    store: GatedStore;
    chain: TierChain;
    put: (name: string, value: string) => void;
    get: () => Promise<string | undefined>;
  }> {
    const ram = new RamTier({ capacityBytes: 1024 ** 2 });
    const store = new GatedStore({ capacityBytes: 1024 ** 2 });
    await store.put([{ key, value: Buffer.from("old") }]);
    const chain = new TierChain({ ram, remotes: [store] });
    const put = (name: string, value: string): void => {
      const slot = ram.reserve(value.length, name.length);
      ram.slots.value(slot).write(value);
      ram.publish(slot, Buffer.from(name), 0, name.length, 0, 0);
    };
    const get = async (): Promise<string | undefined> => {
      await new Promise<void>((resolve) => {
        const bringing = chain.newBringing(() => {
          bringing.release();
          resolve();
        });
        chain.bring(key, 0, 1, 0, bringing);
        if (bringing.pending === 0) resolve();
      });
      const entry = ram.find(key, 0, 1, 0);
      return entry === 0 ? undefined : ram.slots.value(ram.entries.slot(entry)).toString();
    };
    return { store, chain, put, get };
  }

  test("a value on its way does not come back to a key that was removed meanwhile", async () => {
    const { store, chain, get } = await start();
    store.shut();
    const getting = get();
    await expect.poll(() => store.waiting).toBe(1);
    chain.removeRemote(key, 0, 1, 0);
    store.open();
    expect(await getting).toBeUndefined();
  });

  test("nor to one that was replaced, and whose new value has left RAM", async () => {
    const { store, chain, put, get } = await start();
    store.shut();
    const getting = get();
    await expect.poll(() => store.waiting).toBe(1);
    put("k", "new");
    chain.ram.demote(chain.find(key, 0, 1, 0));
    store.open();
    expect(await getting).toBeUndefined();
  });

  test("a removal that waits is a miss, a value that waits is what is found", async () => {
    const { store, chain, put, get } = await start();
    store.shut();
    chain.removeRemote(key, 0, 1, 0);
    expect(await get()).toBeUndefined();
    put("k", "new");
    chain.ram.demote(chain.find(key, 0, 1, 0));
    expect(await get()).toBe("new");
    store.open();
    await chain.settledRemotes();
    expect(await get()).toBe("new");
    expect(await store.has([key])).toEqual([true]);
  });
});
