import { EntryLists } from "./entry-lists.ts";
import { GhostFilter } from "./ghost-filter.ts";
import type { EvictionPolicy } from "./policy.ts";

const SMALL = 0;
const MAIN = 1;
const MOST_USES = 3;

/**
 * S3-FIFO (Yang et al., SOSP 2023): new entries wait in a small queue, a tenth of all bytes; those
 * used again move to the main queue, the others leave early and are remembered for a while as
 * ghosts. An entry that comes back while its ghost is known goes to the main queue at once. The main
 * queue gives each use since the last round one more round.
 */
export class S3FifoPolicy implements EvictionPolicy {
  readonly name = "s3fifo";
  readonly #lists = new EntryLists(2);
  readonly #ghosts = new GhostFilter();
  readonly #bytes = [0, 0];
  readonly #counts = [0, 0];
  #hash = new Int32Array(1024);
  #weight = new Float64Array(1024);
  #queue = new Uint8Array(1024);
  #uses = new Uint8Array(1024);

  get size(): number {
    return this.#counts[SMALL] + this.#counts[MAIN];
  }

  insert(entry: number, hash: number, weight: number): void {
    if (entry >= this.#hash.length) this.#grow(entry + 1);
    this.#hash[entry] = hash;
    this.#weight[entry] = weight;
    this.#uses[entry] = 0;
    this.#add(entry, this.#ghosts.has(hash, this.#counts[MAIN]) ? MAIN : SMALL);
  }

  touch(entry: number): void {
    if (this.#uses[entry] < MOST_USES) this.#uses[entry]++;
  }

  remove(entry: number): void {
    const queue = this.#queue[entry];
    this.#lists.take(entry);
    this.#bytes[queue] -= this.#weight[entry];
    this.#counts[queue]--;
  }

  evict(keep: (entry: number) => boolean): number {
    // Each round either evicts, or spends a use, or moves an entry on: this many always suffice.
    for (let rounds = (MOST_USES + 2) * (this.size + 1); rounds > 0; rounds--) {
      const smallIsDue = this.#bytes[SMALL] * 10 >= this.#bytes[SMALL] + this.#bytes[MAIN];
      const queue =
        this.#counts[SMALL] > 0 && (smallIsDue || this.#counts[MAIN] === 0) ? SMALL : MAIN;
      const entry = this.#lists.last(queue);
      if (entry === 0) return 0;
      this.remove(entry);
      if (this.#uses[entry] > 0) {
        this.#uses[entry] = queue === SMALL ? 0 : this.#uses[entry] - 1;
        this.#add(entry, MAIN);
      } else if (keep(entry)) {
        this.#add(entry, MAIN);
      } else {
        if (queue === SMALL) this.#ghosts.add(this.#hash[entry]);
        return entry;
      }
    }
    return 0;
  }

  *order(): Iterable<number> {
    yield* this.#lists.fromLast(SMALL);
    yield* this.#lists.fromLast(MAIN);
  }

  #add(entry: number, queue: number): void {
    this.#queue[entry] = queue;
    this.#lists.addFirst(queue, entry);
    this.#bytes[queue] += this.#weight[entry];
    this.#counts[queue]++;
  }

  #grow(needed: number): void {
    const rows = Math.max(needed, this.#hash.length * 2);
    const hash = new Int32Array(rows);
    const weight = new Float64Array(rows);
    const queue = new Uint8Array(rows);
    const uses = new Uint8Array(rows);
    hash.set(this.#hash);
    weight.set(this.#weight);
    queue.set(this.#queue);
    uses.set(this.#uses);
    this.#hash = hash;
    this.#weight = weight;
    this.#queue = queue;
    this.#uses = uses;
  }
}
