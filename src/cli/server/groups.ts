import { parseKey, type KeyFacts } from "../../keys/family.ts";
import type { ListedBlock } from "./scan.ts";

/** Blocks of one family, model and rank. */
export interface BlockGroup {
  readonly family: string;
  readonly model: string;
  /** `rank/worldSize`, or nothing. */
  readonly rank: string;
  readonly dtype: string;
  readonly blocks: number;
  readonly bytes: number;
  readonly largestBytes: number;
  readonly hits: number;
  /** Bytes by nearest tier, where the server tells. */
  readonly tiers: Readonly<Record<string, number>>;
}

type Writable = { -readonly [K in keyof Omit<BlockGroup, "tiers">]: BlockGroup[K] } & {
  readonly tiers: Record<string, number>;
};

/** Collects listed blocks into groups. A block that a scan lists twice counts once. */
export class Groups {
  readonly #groups = new Map<string, Writable>();
  readonly #seen = new Set<string>();

  add(block: ListedBlock): void {
    const name = block.key.toString("latin1");
    if (this.#seen.has(name)) return;
    this.#seen.add(name);
    const facts = parseKey(block.key);
    const identity = { family: facts.family, model: facts.model ?? "", rank: rankOf(facts) };
    const dtype = facts.dtype ?? "";
    const id = JSON.stringify([identity, dtype]);
    const group = this.#groups.get(id) ?? {
      ...identity,
      dtype,
      blocks: 0,
      bytes: 0,
      largestBytes: 0,
      hits: 0,
      tiers: {},
    };
    group.blocks++;
    group.bytes += block.bytes;
    group.largestBytes = Math.max(group.largestBytes, block.bytes);
    group.hits += block.hits ?? 0;
    if (block.tier !== undefined)
      group.tiers[block.tier] = (group.tiers[block.tier] ?? 0) + block.bytes;
    this.#groups.set(id, group);
  }

  /** Largest first. */
  list(): BlockGroup[] {
    return [...this.#groups.values()].toSorted((a, b) => b.bytes - a.bytes);
  }
}

function rankOf({ rank, worldSize }: KeyFacts): string {
  return rank === undefined ? "" : `${rank}/${worldSize ?? "?"}`;
}
