import { expect, test } from "vitest";
import type { PutEntry, PutOptions, PutOutcome } from "../../../src/store/contract.ts";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { Remote } from "../../../src/tiers/chain/remote.ts";
import { RamStore } from "../../../src/tiers/ram-store.ts";
import { RamTier } from "../../../src/tiers/ram/ram-tier.ts";

/** A store that takes its time for one key. */
class SlowStore extends RamStore {
  finish: () => void = () => undefined;

  override async put(entries: readonly PutEntry[], options?: PutOptions): Promise<PutOutcome[]> {
    if (entries[0].key.toString() === "slow")
      await new Promise<void>((resolve) => (this.finish = resolve));
    return super.put(entries, options);
  }
}

test("a value whose time is over before it is written leaves no older one behind", async () => {
  const clock = new FakeClock();
  const ram = new RamTier({ capacityBytes: 1024 ** 2, clock });
  const store = new SlowStore({ capacityBytes: 1024 ** 2 });
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

  write("slow", 0);
  write("k", clock.now() + 10);
  clock.advance(20);
  store.finish();
  await remote.settled();
  expect(await store.has(["slow", "k"])).toEqual([true, false]);
});
