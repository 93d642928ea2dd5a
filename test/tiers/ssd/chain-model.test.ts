import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { FakeClock } from "../../../src/testing/fake-clock.ts";
import { type WriteMode, writeModes } from "../../../src/tiers/chain/write-policy.ts";
import { LocalStore } from "../../../src/tiers/local-store.ts";
import { NodeDisk } from "../../../src/tiers/ssd/disk.ts";
import { randomFrom } from "../../fuzz/random.ts";
import { FaultyDisk } from "../../support/faulty-disk.ts";
import { markOf, markedValue } from "../../support/marked-value.ts";

const MIB = 1024 ** 2;
const KEYS = 40;
const ABSENT = -1;

type Step =
  | { readonly kind: "put"; readonly key: number; readonly length: number; readonly ttlMs: number }
  | { readonly kind: "get"; readonly keys: readonly number[] }
  | { readonly kind: "race"; readonly key: number; readonly length: number }
  | { readonly kind: "delete"; readonly key: number }
  | { readonly kind: "clear" }
  | { readonly kind: "pass"; readonly ms: number }
  | { readonly kind: "reopen" };

const key = fc.nat(KEYS - 1);
const length = fc.oneof(
  fc.integer({ min: 16, max: 15_000 }),
  fc.integer({ min: 16_000, max: 400_000 }),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.record({
      kind: fc.constant("put" as const),
      key,
      length,
      ttlMs: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 5000 })),
    }),
  },
  {
    weight: 30,
    arbitrary: fc.record({
      kind: fc.constant("get" as const),
      keys: fc.uniqueArray(key, { minLength: 1, maxLength: 6 }),
    }),
  },
  { weight: 9, arbitrary: fc.record({ kind: fc.constant("race" as const), key, length }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("delete" as const), key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("clear" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("pass" as const),
      ms: fc.integer({ min: 1, max: 3000 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("reopen" as const) }) },
);

/** RAM over a disk that fails now and then, and a Map of what was stored last. */
class Run {
  readonly #directory: string;
  readonly #writeMode: WriteMode;
  readonly #random: ReturnType<typeof randomFrom>;
  readonly #clock = new FakeClock();
  readonly #last = new Map<number, { readonly sequence: number; readonly expiresAt: number }>();
  #store!: LocalStore;
  #sequence = 0;
  hits = 0;

  constructor(directory: string, seed: number, writeMode: WriteMode) {
    this.#directory = directory;
    this.#writeMode = writeMode;
    this.#random = randomFrom(seed);
  }

  async open(): Promise<void> {
    const disk = new FaultyDisk(await NodeDisk.open(this.#directory, "off", Buffer.alloc(4096)));
    this.#store = await LocalStore.open({
      ram: { capacityBytes: 4 * MIB, graceMs: 0, clock: this.#clock },
      ssd: {
        directory: this.#directory,
        capacityBytes: 12 * MIB,
        segmentBytes: MIB,
        keyMemoryBytes: 4 * MIB,
        disk,
      },
      writeMode: this.#writeMode,
    });
    await this.#store.ssd.loaded();
    disk.fault = ({ operation }) => {
      if (operation !== "read" || this.#random.below(20) > 0) return undefined;
      return this.#random.pick([{ kind: "error", code: "EIO" }, { kind: "flip" }] as const);
    };
  }

  async close(): Promise<void> {
    await this.#store.close();
  }

  async take(one: Step): Promise<void> {
    if (one.kind === "put") await this.#put(one.key, one.length, one.ttlMs);
    else if (one.kind === "get") await this.#get(one.keys);
    else if (one.kind === "race") await this.#race(one.key, one.length);
    else if (one.kind === "delete") {
      await this.#store.delete([nameOf(one.key)]);
      this.#last.delete(one.key);
    } else if (one.kind === "clear") {
      this.#store.tiers.clear();
      this.#last.clear();
    } else if (one.kind === "pass") this.#clock.advance(one.ms);
    else {
      await this.close();
      await this.open();
    }
    // The disk keeps up, so that what is turned down is not all there is.
    await this.#store.tiers.settled();
  }

  async #put(number: number, bytes: number, ttlMs: number): Promise<void> {
    const sequence = ++this.#sequence;
    const value = markedValue(number, sequence, bytes);
    const expiresAt = ttlMs === 0 ? Number.POSITIVE_INFINITY : this.#clock.now() + ttlMs;
    this.#last.set(number, { sequence, expiresAt });
    await this.#store.put([{ key: nameOf(number), value, ...(ttlMs > 0 && { ttlMs }) }]);
  }

  async #get(numbers: readonly number[]): Promise<void> {
    const blocks = await this.#store.get(numbers.map(nameOf));
    for (const [at, block] of blocks.entries())
      this.#judge(numbers[at], block?.bytes, [this.#live(numbers[at])], () => block?.release());
  }

  /** A value is read while it is replaced. */
  async #race(number: number, bytes: number): Promise<void> {
    const before = this.#live(number);
    const reading = this.#store.get([nameOf(number)]);
    const putting = this.#put(number, bytes, 0);
    const [[block]] = await Promise.all([reading, putting]);
    this.#judge(number, block?.bytes, [before, this.#live(number)], () => block?.release());
    await this.#get([number]);
  }

  #judge(
    number: number,
    bytes: Uint8Array | undefined,
    may: readonly number[],
    release: () => void,
  ): void {
    if (bytes === undefined) return;
    const mark = markOf(bytes);
    release();
    expect(mark.key).toBe(number);
    expect(may).toContain(mark.sequence);
    this.hits++;
  }

  #live(number: number): number {
    const last = this.#last.get(number);
    return last === undefined || last.expiresAt <= this.#clock.now() ? ABSENT : last.sequence;
  }
}

function nameOf(number: number): string {
  // The last four are two pairs.
  return number >= KEYS - 4
    ? `pair ${number >> 1} ${number % 2 === 0 ? "kv_bytes" : "metadata"}`
    : `key ${number}`;
}

test.each(writeModes)(
  "RAM over a disk reads as a Map does, or misses (%s)",
  async (writeMode) => {
    let hits = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 100, maxLength: 400, size: "max" }),
        fc.nat(),
        async (steps, seed) => {
          const directory = await mkdtemp(join(tmpdir(), "keepwarm-chain-"));
          const run = new Run(directory, seed, writeMode);
          await run.open();
          try {
            for (const one of steps) await run.take(one);
            hits += run.hits;
          } finally {
            await run.close();
            await rm(directory, { recursive: true });
          }
        },
      ),
      { numRuns: Number(process.env["KEEPWARM_MODEL_RUNS"] ?? 4), endOnFailure: true },
    );
    expect(hits).toBeGreaterThan(20);
  },
  120_000,
);
