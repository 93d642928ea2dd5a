import { setImmediate } from "node:timers/promises";
import { expect, it, vi } from "vitest";
import { Attachment, type AttachmentEvents } from "../../../src/adapters/shared/attachment.ts";
import { blocksOf, KvCache, type ServingSettings } from "../../../src/adapters/shared/kv-cache.ts";
import { reuseReport } from "../../../src/adapters/shared/reuse-report.ts";
import type { KvCacheOptions } from "../../../src/adapters/shared/types.ts";
import type { KvNamespace } from "../../../src/engine/types.ts";
import type { BlockStore } from "../../../src/store/contract.ts";
import { RamStore } from "../../../src/tiers/ram-store.ts";

/** Says what it is told to. */
class Speaker extends Attachment {
  readonly settings: ServingSettings;

  constructor(settings: ServingSettings, events: AttachmentEvents) {
    super(undefined, events);
    this.settings = settings;
  }

  reuse(promptTokens: number, restoredTokens: number): void {
    this.reused(reuseReport({ promptTokens, restoredTokens, bytes: 7, began: performance.now() }));
  }

  store(work: Promise<unknown>): Promise<void> {
    const times = { saveMs: 0, totalMs: 0 };
    const said = { tokens: 3, storedTokens: 3, storedBytes: 21, times, reason: undefined };
    const keep = async (): Promise<void> => {
      await work;
      this.kept({ status: "STORED", ...said });
    };
    return this.track(keep());
  }
}

class SpeakerCache extends KvCache<object> {
  fails = false;

  static async open(options: KvCacheOptions): Promise<SpeakerCache> {
    return new SpeakerCache(await blocksOf(options), options);
  }

  attach(served: { readonly model: string }): Promise<Speaker> {
    return this.attachOnce(served, async () => {
      if (this.fails) throw new Error("not now");
      const namespace: KvNamespace = { model: served.model, dtype: "float32", layout: "test" };
      return new Speaker(await this.settingsFor(namespace, undefined), this.eventsOf(served));
    });
  }
}

function ramStore(): BlockStore {
  return new RamStore({ capacityBytes: 1024 ** 2 });
}

it("serves each thing once until it is detached, with one engine a namespace", async () => {
  await using cache = await SpeakerCache.open({ store: ramStore() });
  const [one, same, other] = [{ model: "a" }, { model: "a" }, { model: "b" }];
  const first = await cache.attach(one);
  expect(await cache.attach(one)).toBe(first);
  expect((await cache.attach(same)).settings.engine).toBe(first.settings.engine);
  expect((await cache.attach(other)).settings.engine).not.toBe(first.settings.engine);
  first.detach();
  expect(await cache.attach(one)).not.toBe(first);
});

it("can attach, and close, after attaching has failed", async () => {
  const cache = await SpeakerCache.open({ store: ramStore() });
  cache.fails = true;
  const served = { model: "a" };
  await expect(cache.attach(served)).rejects.toThrow("not now");
  cache.fails = false;
  expect(await cache.attach(served)).toBeInstanceOf(Speaker);
  await cache.close();
});

it("counts what all report, whatever listeners do", async () => {
  const onKeep = vi.fn();
  const onReuse = vi.fn(() => {
    throw new Error("deaf");
  });
  await using cache = await SpeakerCache.open({ store: ramStore(), onReuse, onKeep });
  const speakers = [await cache.attach({ model: "a" }), await cache.attach({ model: "b" })];
  for (const speaker of speakers) {
    speaker.reuse(10, 4);
    void speaker.store(setImmediate());
  }
  await cache.settled();
  expect(onKeep).toHaveBeenCalledTimes(2);
  expect(speakers[0].lastReuse).toMatchObject({ status: "PARTIAL", reusedTokens: 4 });
  expect(speakers[0].lastKeep).toMatchObject({ status: "STORED" });
  expect(cache.stats()).toEqual({
    prompts: 2,
    promptTokens: 20,
    restoredTokens: 8,
    restoredBytes: 14,
    storedTokens: 6,
    storedBytes: 42,
    overBudget: 0,
    pendingBytes: 0,
  });
});

it("closes no store that it was given", async () => {
  const store = ramStore();
  const close = vi.spyOn(store, "close");
  const cache = await SpeakerCache.open({ store });
  await cache.attach({ model: "a" });
  await cache.close();
  expect(close).not.toHaveBeenCalled();
});
