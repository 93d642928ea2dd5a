import { EntryLists } from "./entry-lists.ts";
import type { EvictionPolicy } from "./policy.ts";

/** Least recently used leaves first. */
export class LruPolicy implements EvictionPolicy {
  readonly name = "lru";
  readonly #list = new EntryLists(1);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  insert(entry: number): void {
    this.#list.addFirst(0, entry);
    this.#size++;
  }

  touch(entry: number): void {
    this.#list.take(entry);
    this.#list.addFirst(0, entry);
  }

  remove(entry: number): void {
    this.#list.take(entry);
    this.#size--;
  }

  evict(keep: (entry: number) => boolean): number {
    for (let left = this.#size; left > 0; left--) {
      const entry = this.#list.last(0);
      if (!keep(entry)) {
        this.remove(entry);
        return entry;
      }
      this.touch(entry);
    }
    return 0;
  }

  order(): Iterable<number> {
    return this.#list.fromLast(0);
  }
}
