import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";
import type { ValkeyStoreOptions } from "../../../src/backends/valkey/store-options.ts";
import { ValkeyStore } from "../../../src/backends/valkey/valkey-store.ts";
import { Heartbeat } from "../../support/heartbeat.ts";

/** A store that is closed after the test. */
export function openStore(options: ValkeyStoreOptions): ValkeyStore {
  const store = new ValkeyStore(options);
  onTestFinished(() => store.close());
  return store;
}

/** Asks until the answer is true. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  withinMs = 15_000,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline)
      throw new Error(`not so after ${withinMs} ms: ${condition.toString()}`);
    await sleep(10);
  }
}

/**
 * How long a call took, in milliseconds, and what came of it. `ms` leaves out times in which the
 * machine let this process do nothing; `elapsedMs` does not.
 */
export async function timed<T>(
  call: Promise<T>,
): Promise<{ ms: number; elapsedMs: number; result: T }> {
  const heartbeat = new Heartbeat();
  heartbeat.start();
  const began = performance.now();
  const result = await call;
  const elapsedMs = performance.now() - began;
  heartbeat.stop();
  const blockedMs = heartbeat.blockages.reduce((sum, { from, to }) => sum + to - from, 0);
  return { ms: Math.max(elapsedMs - blockedMs, 0), elapsedMs, result };
}

/** Blocks whose bytes tell the key, so that a wrong one shows. */
export function makeBlocks(count: number, bytes: number): Map<string, Buffer> {
  return new Map(
    Array.from({ length: count }, (_, index) => [`block-${index}`, randomBytes(bytes)]),
  );
}

/** Puts all blocks; returns how many were stored. */
export async function putAll(store: ValkeyStore, blocks: Map<string, Buffer>): Promise<number> {
  const outcomes = await store.put([...blocks].map(([key, value]) => ({ key, value })));
  return outcomes.filter(({ status }) => status === "stored").length;
}

/** Gets all blocks and checks each byte; returns how many were there. */
export async function getAll(store: ValkeyStore, blocks: Map<string, Buffer>): Promise<number> {
  const found = await store.get([...blocks.keys()]);
  let hits = 0;
  for (const [index, value] of [...blocks.values()].entries()) {
    const block = found[index];
    if (block === undefined) continue;
    if (!value.equals(block.bytes)) throw new Error(`wrong bytes in block ${index}`);
    block.release();
    hits++;
  }
  return hits;
}
