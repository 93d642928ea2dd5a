import { SsdTier } from "../../src/tiers/ssd/ssd-tier.ts";
import type { BlockKeeper } from "./block-keeper.ts";
import { dropFromPageCache, flushToDisk, segmentFiles } from "./page-cache.ts";
import type { Slots } from "./slots.ts";

/** The SSD tier, called as the chain of tiers calls it. */
export class TierKeeper implements BlockKeeper {
  readonly #tier: SsdTier;
  readonly #slots: Slots;
  readonly #size: number;
  readonly #depth: () => number;
  #underWay = 0;
  #rows: number[] = [];

  private constructor(tier: SsdTier, slots: Slots, size: number, depth: () => number) {
    this.#tier = tier;
    this.#slots = slots;
    this.#size = size;
    this.#depth = depth;
  }

  /**
   * @param depth how many writes are waited for at a time: as soon as they are there, they go; they come
   * from as many buffers, like fio's, because memory in a cache of the CPU is written 1.4x as fast
   */
  static async open(
    directory: string,
    slots: Slots,
    size: number,
    capacityBytes: number,
    direct: boolean,
    depth: () => number,
  ): Promise<TierKeeper> {
    const tier = await SsdTier.open({ directory, capacityBytes, direct: direct ? "on" : "off" });
    await tier.loaded();
    return new TierKeeper(tier, slots, size, depth);
  }

  async write(): Promise<number> {
    const written = await new Promise<boolean>((resolve) => {
      const depth = this.#depth();
      this.#tier.put(this.#slots.newKey(), 0, 0, this.#slots.source(depth), resolve);
      if (++this.#underWay >= depth) this.#tier.writeNow();
    });
    this.#underWay--;
    if (!written) throw new Error(`the tier turned a block down: ${this.#tier.health.alarm}`);
    return this.#size;
  }

  async flush(): Promise<void> {
    await this.#tier.settled();
    await flushToDisk(segmentFiles(this.#tier.directory));
    this.#rows = [];
  }

  async forgetCache(): Promise<void> {
    dropFromPageCache(segmentFiles(this.#tier.directory));
  }

  async read(): Promise<number> {
    if (this.#rows.length === 0) this.#rows = this.#allRows();
    const { ram } = this.#slots;
    const at = Math.floor(Math.random() * this.#rows.length);
    const row = this.#rows[at];
    this.#rows[at] = this.#rows.at(-1)!;
    this.#rows.pop();
    const slot = await this.#tier.read(row, ram);
    if (slot === 0) throw new Error(`the tier did not read a block: ${this.#tier.health.alarm}`);
    ram.cancel(slot);
    return this.#size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tier.close();
  }

  #allRows(): number[] {
    const rows: number[] = [];
    for (let row = 1; row < this.#tier.end; row++)
      if (this.#tier.isPresent(row) && this.#tier.length(row) === this.#size) rows.push(row);
    return rows;
  }
}
