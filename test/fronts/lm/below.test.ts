import { expect, test } from "vitest";
import type { LowerTier } from "../../../src/tiers/chain/lower-tier.ts";
import { TierChain } from "../../../src/tiers/chain/tier-chain.ts";
import { RamTier } from "../../../src/tiers/ram/ram-tier.ts";
import { command } from "../../../src/wire/lm/header.ts";
import { pseudoRandomBytes } from "../../support/bytes.ts";
import { blob, golden, packMetadata } from "../../support/lm.ts";
import { type LmFront, eventually, startLmFront } from "../../support/lm-front.ts";

const KEY = "m@1@0@44ea817d9387da2c@bfloat16";
const MIB = 1024 ** 2;
const value = pseudoRandomBytes(MIB);

interface Row {
  readonly key: Buffer;
  value: Buffer;
  present: boolean;
  inRam: boolean;
  version: number;
}

/** A tier below RAM whose reads end when the test says. */
class SlowTier implements LowerTier {
  readonly name = "slow";
  readonly rows: Row[] = [];
  /** Ends a read that is under way: well, or not. */
  readonly reads: ((good: boolean) => void)[] = [];

  get end(): number {
    return this.rows.length + 1;
  }
  get count(): number {
    return this.rows.filter(({ present }) => present).length;
  }
  countOf = (): number => this.count;
  onRoom: (() => void) | undefined;
  countMiss(): void {}
  stats = (): never => {
    throw new Error("nobody asks");
  };
  locate = (key: Uint8Array, start: number, end: number): number => this.find(key, start, end);
  find(key: Uint8Array, start: number, end: number): number {
    const name = Buffer.from(key.subarray(start, end));
    return this.rows.findIndex((row) => row.present && row.key.equals(name)) + 1;
  }
  isPresent = (row: number): boolean => this.rows[row - 1].present;
  keyspace = (): number => 0;
  key = (row: number): Buffer => this.rows[row - 1].key;
  length = (row: number): number => this.rows[row - 1].value.length;
  expiresAt = (): number => 0;
  setExpiry(): void {}
  isPinned = (): boolean => false;
  setPinned(): void {}
  version = (row: number): number => this.rows[row - 1].version;
  hits = (): number => 0;
  idleMs = (): number => 0;
  touch(): void {}
  isInRam = (row: number): boolean => this.rows[row - 1].inRam;
  setInRam = (row: number, inRam: boolean): void => void (this.rows[row - 1].inRam = inRam);
  countInRam = (): number => this.rows.filter(({ present, inRam }) => present && inRam).length;
  remove = (row: number): void => void (this.rows[row - 1].present = false);
  clear = (): void => void (this.rows.length = 0);
  full = false;
  isFull = (): boolean => this.full;
  settled = async (): Promise<"durable"> => "durable";

  write(ram: RamTier, slot: number): void {
    const key = Buffer.from(ram.slots.key(slot));
    const found = this.find(key, 0, key.length);
    if (found > 0) this.remove(found);
    this.rows.push({
      key,
      value: Buffer.from(ram.slots.value(slot)),
      present: true,
      inRam: true,
      version: this.rows.length + 1,
    });
  }

  read(row: number, ram: RamTier): Promise<number> {
    const { key, value } = this.rows[row - 1];
    return new Promise((resolve) =>
      this.reads.push((good) => {
        if (!good) return resolve(0);
        const slot = ram.reserve(value.length, key.length);
        value.copy(ram.slots.value(slot));
        resolve(slot);
      }),
    );
  }

  put(name: string, value: Buffer): void {
    const key = Buffer.from(name);
    this.rows.push({ key, value, present: true, inRam: false, version: 1 });
  }

  block(key: string, value: Buffer): void {
    this.put(`${key}kv_bytes`, value);
    this.put(`${key}metadata`, packMetadata(value.length, golden));
  }

  endReads(good: boolean): void {
    for (const end of this.reads.splice(0)) end(good);
  }
}

async function start(): Promise<{ front: LmFront; slow: SlowTier; ram: RamTier }> {
  const slow = new SlowTier();
  const ram = new RamTier({ capacityBytes: 16 * MIB });
  const front = await startLmFront({ tiers: new TierChain({ ram, lower: slow }) });
  return { front, slow, ram };
}

test("a block that lies below suspends only its client, which is answered when it has come", async () => {
  const { front, slow, ram } = await start();
  slow.block(KEY, value);
  const [client, other] = [await front.client(), await front.client()];
  client.send(command.get, KEY);
  client.send(command.exist, KEY);
  client.send(command.get, "elsewhere");
  await eventually(() => slow.reads.length).toBe(2);
  expect(await other.exists(KEY)).toBe(true);
  await other.miss("elsewhere");
  slow.endReads(true);
  await client.reply(200, MIB, golden);
  expect((await client.raw.bytes(MIB)).equals(value)).toBe(true);
  await client.reply(200);
  await client.reply(400);
  await other.hit(KEY, value);
  expect(front.server.stats()).toMatchObject({ gets: 4, hits: 2 });
  expect(ram.fillingBytes).toBe(0);
});

test("two clients that want it wait for one read", async () => {
  const { front, slow } = await start();
  slow.block(KEY, value);
  const [client, other] = [await front.client(), await front.client()];
  client.send(command.get, KEY);
  other.send(command.get, KEY);
  await eventually(() => front.server.state.bytesIn).toBe(2 * 186);
  slow.endReads(true);
  for (const { raw } of [client, other])
    expect((await raw.bytes(36 + MIB)).subarray(36).equals(value)).toBe(true);
  expect(slow.reads).toHaveLength(0);
});

test("a block that does not come in time is a miss, and what comes late harms nobody", async () => {
  const slow = new SlowTier();
  const ram = new RamTier({ capacityBytes: 16 * MIB });
  const tiers = new TierChain({ ram, lower: slow });
  const front = await startLmFront({ tiers, limits: { tierWaitMs: 50 } });
  slow.block(KEY, value);
  const client = await front.client();
  client.send(command.get, KEY);
  await client.reply(400);
  slow.endReads(true);
  await client.hit(KEY, value);
  expect(ram.fillingBytes).toBe(0);
});

test("a block that can't be read is a miss", async () => {
  const { front, slow } = await start();
  slow.block(KEY, value);
  const client = await front.client();
  client.send(command.get, KEY);
  await eventually(() => slow.reads.length).toBe(2);
  slow.endReads(false);
  await client.reply(400);
  await client.settled();
});

test("a client that leaves while its block comes leaves nothing held", async () => {
  const { front, slow, ram } = await start();
  slow.block(KEY, value);
  const client = await front.client();
  client.send(command.get, KEY);
  await eventually(() => slow.reads.length).toBe(2);
  client.close();
  slow.endReads(true);
  await eventually(() => front.server.state.connections.size).toBe(0);
  ram.clear();
  expect(ram.slots.count).toBe(0);
});

test("what is stored goes down, and what is removed is gone there too", async () => {
  const { front, slow, ram } = await start();
  const client = await front.client();
  client.put(KEY, value);
  await client.settled();
  expect(slow.count).toBe(2);
  slow.block("below", pseudoRandomBytes(10));
  client.send(command.list, "");
  const listed = `${KEY}\nbelow`;
  expect((await client.raw.bytes(36 + listed.length)).subarray(36).toString()).toBe(listed);
  for (const key of [KEY, "below"])
    client.put(key, Buffer.alloc(0), { format: 0, dtype: 0, shape: [0, 0, 0, 0] });
  await client.miss(KEY);
  await client.miss("below");
  expect(slow.count).toBe(0);
  expect(ram.entries.count).toBe(0);
});

test("a block of several groups comes up as bytes, one whose metadata has another length is absent", async () => {
  const { front, slow } = await start();
  slow.put(`${KEY}kv_bytes`, value);
  slow.put(`${KEY}metadata`, packMetadata(value.length, golden, golden));
  const first = await front.client();
  first.send(command.get, KEY);
  await eventually(() => slow.reads.length).toBe(2);
  slow.endReads(true);
  await first.reply(200, value.length, blob(value.length));
  expect((await first.raw.bytes(value.length)).equals(value)).toBe(true);
  slow.reads.length = 0;
  slow.block("other", value);
  slow.rows.at(-1)!.value = packMetadata(5, golden);
  const client = await front.client();
  client.send(command.get, "other");
  await eventually(() => slow.reads.length).toBe(2);
  slow.endReads(true);
  await client.reply(400);
});

test("a value waits while the tier below can take none, but not for ever", async () => {
  const { front, slow } = await start();
  const client = await front.client();
  slow.full = true;
  client.put(KEY, value);
  await eventually(() => front.server.state.waiting.size).toBe(1);
  slow.full = false;
  slow.onRoom?.();
  await client.hit(KEY, value);
  slow.full = true;
  client.put("late", value);
  await client.hit("late", value);
  expect(front.server.stats().dropped).toBe(0);
});

test("a block that was reported present is read ahead", async () => {
  const { front, slow, ram } = await start();
  slow.block(KEY, pseudoRandomBytes(500_000));
  const client = await front.client();
  expect(await client.exists(KEY)).toBe(true);
  await eventually(() => slow.reads.length).toBe(2);
  slow.endReads(true);
  await eventually(() => ram.entries.count).toBe(2);
  await client.hit(KEY, pseudoRandomBytes(500_000));
  expect(slow.reads).toHaveLength(0);
});
