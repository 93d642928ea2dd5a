import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { NodeDisk } from "../../../src/tiers/ssd/disk.ts";
import type { Durability } from "../../../src/tiers/ssd/settlement.ts";
import { SsdStore } from "../../../src/tiers/ssd/ssd-store.ts";
import { randomFrom } from "../../fuzz/random.ts";
import { markOf, markedValue } from "../../support/marked-value.ts";
import { type Remains, VolatileDisk } from "../../support/volatile-disk.ts";

const MIB = 1024 ** 2;
const KEYS = 24;
const KEYSPACES = 2;
const ABSENT = -1;

type Step =
  | {
      readonly kind: "put";
      readonly key: number;
      readonly keyspace: number;
      readonly length: number;
      readonly ttlMs: number | undefined;
      readonly isAwaited: boolean;
    }
  | { readonly kind: "chain"; readonly from: number; readonly keyspace: number }
  | { readonly kind: "get"; readonly key: number; readonly keyspace: number }
  | { readonly kind: "delete"; readonly key: number; readonly keyspace: number }
  | { readonly kind: "pin"; readonly key: number; readonly keyspace: number; readonly pin: boolean }
  | { readonly kind: "clear"; readonly keyspace: number | undefined }
  | { readonly kind: "pass"; readonly ms: number }
  | { readonly kind: "reopen" }
  | { readonly kind: "crash"; readonly remains: Remains };

const key = fc.nat(KEYS - 1);
const keyspace = fc.nat(KEYSPACES - 1);
const length = fc.oneof(
  fc.integer({ min: 16, max: 4000 }),
  fc.integer({ min: 16_000, max: 17_000 }),
  fc.integer({ min: 20_000, max: 300_000 }),
  fc.integer({ min: 520_000, max: 600_000 }),
);
const step = fc.oneof(
  {
    weight: 14,
    arbitrary: fc.record({
      kind: fc.constant("put" as const),
      key,
      keyspace,
      length,
      ttlMs: fc.option(fc.integer({ min: 500, max: 5000 }), { nil: undefined, freq: 8 }),
      isAwaited: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("chain" as const), from: key, keyspace }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("get" as const), key, keyspace }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("delete" as const), key, keyspace }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("pin" as const), key, keyspace, pin: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("clear" as const),
      keyspace: fc.option(keyspace, { nil: undefined }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("pass" as const),
      ms: fc.integer({ min: 1, max: 3000 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reopen" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("crash" as const),
      remains: fc.constantFrom<Remains>("all", "nothing", "write", "page", "sector"),
    }),
  },
) as fc.Arbitrary<Step>;

/** What the model knows of one key. */
interface Known {
  /** Numbers of the values that a read may find, or {@link ABSENT}. */
  may: Set<number>;
  /** Everything that was ever put there. */
  readonly ever: Set<number>;
  isPinned: boolean;
  /** Resolves when the put that is under way has ended. */
  pending: Promise<void>;
}

/** A store and a model of it, that must agree after each step. */
class Run {
  readonly #directory: string;
  readonly #durability: Durability;
  readonly #capacityBytes: number;
  readonly #segmentBytes: number;
  readonly #keepsAll: boolean;
  readonly #random: ReturnType<typeof randomFrom>;
  readonly #clock = new FakeClock();
  readonly #known = new Map<string, Known>();
  readonly #expiry = new Map<number, number>();
  #disk!: VolatileDisk;
  #store!: SsdStore;
  #sequence = 0;

  constructor(
    directory: string,
    seed: number,
    options: {
      durability: Durability;
      capacityBytes: number;
      segmentBytes: number;
      keepsAll: boolean;
    },
  ) {
    this.#directory = directory;
    this.#durability = options.durability;
    this.#capacityBytes = options.capacityBytes;
    this.#segmentBytes = options.segmentBytes;
    this.#keepsAll = options.keepsAll;
    this.#random = randomFrom(seed);
  }

  async open(): Promise<void> {
    const inner = await NodeDisk.open(this.#directory, "off", Buffer.alloc(4096));
    this.#disk = new VolatileDisk(inner, this.#random);
    this.#store = await SsdStore.open({
      directory: this.#directory,
      capacityBytes: this.#capacityBytes,
      segmentBytes: this.#segmentBytes,
      stagingBytes: 8 * MIB,
      keyMemoryBytes: 4 * MIB,
      durability: this.#durability,
      disk: this.#disk,
      clock: this.#clock,
    });
  }

  async close(): Promise<void> {
    await this.#quiet();
    await this.#store.close();
  }

  /** Ends after a failure. */
  async giveUp(): Promise<void> {
    await this.#disk.crash("all");
    await this.#store.close();
  }

  async take(step: Step): Promise<void> {
    switch (step.kind) {
      case "put":
        return this.#put(step.keyspace, [step.key], step.length, step.ttlMs, step.isAwaited);
      case "chain": {
        const keys = [0, 1, 2].map((at) => (step.from + at) % KEYS);
        return this.#put(step.keyspace, keys, 30_000, undefined, true);
      }
      case "get":
        return this.#get(step.keyspace, step.key);
      case "delete":
        return this.#delete(step.keyspace, step.key);
      case "pin":
        return this.#pin(step.keyspace, step.key, step.pin);
      case "clear":
        return this.#clear(step.keyspace);
      case "pass":
        this.#clock.advance(step.ms);
        return undefined;
      case "reopen":
        await this.close();
        await this.open();
        return this.checkAll();
      case "crash":
        return this.#crash(step.remains);
    }
  }

  async checkAll(): Promise<void> {
    for (let space = 0; space < KEYSPACES; space++)
      for (let number = 0; number < KEYS; number++) await this.#get(space, number);
  }

  #of(space: number, number: number): Known {
    const name = `${space}/${number}`;
    let known = this.#known.get(name);
    if (known === undefined) {
      known = {
        may: new Set([ABSENT]),
        ever: new Set(),
        isPinned: false,
        pending: Promise.resolve(),
      };
      this.#known.set(name, known);
    }
    return known;
  }

  async #put(
    space: number,
    numbers: readonly number[],
    bytes: number,
    ttlMs: number | undefined,
    isAwaited: boolean,
  ): Promise<void> {
    const all = numbers.map((number) => this.#of(space, number));
    await Promise.all(all.map(({ pending }) => pending));
    const entries = numbers.map((number, at) => {
      const sequence = ++this.#sequence;
      if (ttlMs !== undefined) this.#expiry.set(sequence, this.#clock.now() + ttlMs);
      all[at].may.add(sequence);
      all[at].ever.add(sequence);
      all[at].isPinned = false;
      const value = markedValue(number, sequence, bytes);
      return { sequence, key: keyOf(number), value, ...(ttlMs !== undefined && { ttlMs }) };
    });
    const pending = (async () => {
      const outcomes = await this.#store.put(entries, { keyspace: space });
      if (this.#disk.isDead) return;
      expect(outcomes.every(({ status }) => status === "stored")).toBe(true);
      for (const [at, known] of all.entries()) {
        known.may = new Set([entries[at].sequence]);
        if (!this.#keepsAll) known.may.add(ABSENT);
      }
    })();
    for (const known of all) known.pending = pending;
    if (isAwaited) await pending;
  }

  async #get(space: number, number: number): Promise<void> {
    const known = this.#of(space, number);
    await known.pending;
    const [block] = await this.#store.get([keyOf(number)], { keyspace: space });
    if (block === undefined) {
      const live = [...known.may].filter((sequence) => !this.#hasExpired(sequence));
      const mayMiss =
        known.may.has(ABSENT) || live.length < known.may.size || partnerOf(number) !== undefined;
      if (!mayMiss)
        throw new Error(`key ${number} of ${space} is gone: it was ${live.join(" or ")}`);
      return;
    }
    const mark = markOf(block.bytes);
    block.release();
    if (mark.key !== number || !known.may.has(mark.sequence))
      throw new Error(
        `key ${number} of ${space} has value ${mark.sequence} of key ${mark.key}, not ${[...known.may].join(" or ")}`,
      );
    if (this.#hasExpired(mark.sequence))
      throw new Error(`key ${number} of ${space} has value ${mark.sequence}, which has expired`);
  }

  async #delete(space: number, number: number): Promise<void> {
    const known = this.#of(space, number);
    await known.pending;
    const partner = partnerOf(number);
    const gone = partner === undefined ? [number] : [number, partner];
    await Promise.all(gone.map((one) => this.#of(space, one).pending));
    const were = await this.#store.has(gone.map(keyOf), { keyspace: space });
    await this.#store.delete([keyOf(number)], { keyspace: space });
    if (!were[0]) return;
    // What had left before may come back after a restart: nothing was noted of its being deleted.
    for (const [at, one] of gone.entries())
      if (were[at]) {
        this.#of(space, one).may = new Set([ABSENT]);
        this.#of(space, one).isPinned = false;
      }
  }

  async #pin(space: number, number: number, pin: boolean): Promise<void> {
    const known = this.#of(space, number);
    await known.pending;
    const { tier } = this.#store;
    const row = tier.find(keyOf(number), 0, keyOf(number).length, space);
    if (row === 0 || this.#pinnedCount() >= 3) return;
    tier.setPinned(row, pin);
    await tier.settled();
    known.isPinned = pin;
  }

  async #clear(space: number | undefined): Promise<void> {
    await this.#quiet();
    this.#store.tier.clear(space);
    await this.#store.tier.settled();
    for (const [name, known] of this.#known)
      if (space === undefined || name.startsWith(`${space}/`)) {
        known.may = new Set([ABSENT]);
        known.isPinned = false;
      }
  }

  async #crash(remains: Remains): Promise<void> {
    const isSafe = remains === "all" || this.#durability === "fsync";
    await this.#disk.crash(remains);
    await this.#quiet();
    await this.#store.close();
    await this.open();
    if (!isSafe)
      for (const known of this.#known.values()) known.may = new Set([...known.ever, ABSENT]);
    await this.checkAll();
  }

  async #quiet(): Promise<void> {
    await Promise.all([...this.#known.values()].map(({ pending }) => pending));
  }

  #hasExpired(sequence: number): boolean {
    const at = this.#expiry.get(sequence);
    return at !== undefined && at <= this.#clock.now();
  }

  #pinnedCount(): number {
    return [...this.#known.values()].filter(({ isPinned }) => isPinned).length;
  }
}

/** The other half, of the last four keys: those are two pairs. */
function partnerOf(number: number): number | undefined {
  return number >= KEYS - 4 ? number ^ 1 : undefined;
}

function keyOf(number: number): Buffer {
  if (number >= KEYS - 4)
    return Buffer.from(`p${number >> 1}${number % 2 === 0 ? "kv_bytes" : "metadata"}`);
  return Buffer.from(`key ${number}`);
}

const RUNS = Number(process.env["KEEPWARM_MODEL_RUNS"] ?? 12);

for (const durability of ["fsync", "async", "none"] as const)
  for (const [name, segments, segmentBytes] of [
    ["always short of room", 8, MIB],
    ["with room for all", 60, 4 * MIB],
  ] as const)
    test(`a store that crashes reads as the model does (${durability}, ${name})`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(step, { minLength: 20, maxLength: 120, size: "max" }),
          fc.nat(),
          async (steps, seed) => {
            const directory = await mkdtemp(join(tmpdir(), "keepwarm-model-"));
            const run = new Run(directory, seed, {
              durability,
              capacityBytes: segments * segmentBytes,
              segmentBytes,
              keepsAll: segments > 8,
            });
            try {
              await run.open();
              for (const one of steps) await run.take(one);
              await run.checkAll();
              await run.close();
            } catch (error) {
              await run.giveUp();
              throw error;
            } finally {
              await rm(directory, { recursive: true });
            }
          },
        ),
        { numRuns: RUNS, endOnFailure: true },
      );
    }, 240_000);
