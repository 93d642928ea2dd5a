import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { LocalStore } from "../../../src/tiers/local-store.ts";
import { pseudoRandomBytes } from "../../support/bytes.ts";

const MiB = 1024 ** 2;

test("what leaves RAM before it is on the disk can be read from where it is written from", async () => {
  const directory = await mkdtemp(join(tmpdir(), "keepwarm-unwritten-"));
  const store = await LocalStore.open({
    ram: { capacityBytes: 16 * MiB, maxBlocks: 2, graceMs: 0 },
    ssd: { directory, capacityBytes: 32 * MiB, segmentBytes: 8 * MiB },
  });
  onTestFinished(async () => {
    await store.close();
    await rm(directory, { recursive: true });
  });
  const values = Array.from({ length: 4 }, (_, i) => pseudoRandomBytes(i % 2 === 0 ? 100 : MiB, i));
  for (const [i, value] of values.entries())
    expect(await store.put([{ key: `k${i}`, value }])).toEqual([{ status: "stored" }]);
  expect(store.ssd.stats().stored).toBe(0);
  expect(store.tiers.ram.entries.count).toBe(2);
  expect(await store.match(["k0", "k1", "k2", "k3"])).toBe(4);
  for (const [i, value] of values.entries()) {
    const [block] = await store.get([`k${i}`]);
    expect(block && value.equals(block.bytes)).toBe(true);
    block?.release();
  }
  await store.put([{ key: "k0", value: Buffer.from("new") }]);
  await store.delete(["k1"]);
  expect(await store.has(["k0", "k1"])).toEqual([true, false]);
  await store.tiers.settled();
  const [again, gone] = await store.get(["k0", "k1"]);
  expect(Buffer.from(again!.bytes).toString()).toBe("new");
  again!.release();
  expect(gone).toBeUndefined();
});
