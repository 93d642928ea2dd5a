import { markOf } from "../support/marked-value.ts";

/** No value at all, among the numbers of values. */
export const ABSENT = -1;

/** What a read found that must not be. */
export class Violation extends Error {}

/**
 * What may be found under one key. Numbers of its values grow, so that an older one is told from a
 * newer one. Only one connection changes a key; any may read it.
 */
export class Known {
  readonly number: number;
  readonly name: string;
  /** Values that a read may find, {@link ABSENT} among them. */
  may = new Set<number>([ABSENT]);
  /** The last value that was sent. */
  sent = 0;
  /** The last change that was sent may be a removal. */
  #isRemoving = false;
  /** When values expire, in ms since 1970: not before the first, and not after the second. */
  readonly #expiry = new Map<number, { readonly from: number; to: number }>();

  constructor(number: number, name: string) {
    this.number = number;
    this.name = name;
  }

  /** A value is being sent. */
  put(sequence: number, ttlMs: number | undefined): void {
    this.sent = sequence;
    this.may.add(sequence);
    if (ttlMs !== undefined)
      this.#expiry.set(sequence, { from: Date.now() + ttlMs, to: Number.POSITIVE_INFINITY });
  }

  /** It was acknowledged. */
  acknowledged(sequence: number, ttlMs: number | undefined): void {
    this.may = new Set([sequence]);
    if (ttlMs !== undefined) this.#expiry.get(sequence)!.to = Date.now() + ttlMs;
  }

  removing(): void {
    this.#isRemoving = true;
    this.may.add(ABSENT);
  }

  /** @param wasThere - whether the server knew the key: only then its removal is noted on the disk. */
  removed(wasThere: boolean): void {
    if (wasThere) this.may = new Set([ABSENT]);
    this.#isRemoving = false;
  }

  /** What was not safe may be lost, so that any older value may be found. */
  forget(oldest: number): void {
    for (let sequence = oldest; sequence <= this.sent; sequence++) this.may.add(sequence);
    this.may.add(ABSENT);
  }

  /** To be called when a read begins; the answer judges what it finds and says which value it is. */
  watch(): (value: Buffer | null, mayMiss: boolean) => number {
    const before = new Set(this.may);
    const sentBefore = this.sent;
    const startedAt = Date.now();
    return (value, mayMiss) => {
      if (value === null) {
        const isAllowed =
          mayMiss ||
          before.has(ABSENT) ||
          this.may.has(ABSENT) ||
          this.#isRemoving ||
          [...before].some((sequence) => this.#mayHaveExpired(sequence));
        if (isAllowed) return ABSENT;
        throw new Violation(`${this.name} is gone: it was value ${[...before].join(" or ")}`);
      }
      const mark = this.#markOf(value);
      if (!before.has(mark) && !(mark > sentBefore && mark <= this.sent))
        throw new Violation(
          `${this.name} has value ${mark}, not ${[...before].join(" or ")} (last sent: ${this.sent})`,
        );
      if (startedAt > (this.#expiry.get(mark)?.to ?? startedAt))
        throw new Violation(
          `${this.name} has value ${mark}, which expired before it was asked for`,
        );
      return mark;
    };
  }

  #markOf(value: Buffer): number {
    try {
      const { key, sequence } = markOf(value);
      if (key === this.number) return sequence;
      throw new Error(`the value of key number ${key}`);
    } catch (error) {
      throw new Violation(`${this.name} has wrong bytes: ${(error as Error).message}`);
    }
  }

  #mayHaveExpired(sequence: number): boolean {
    const expiry = this.#expiry.get(sequence);
    return expiry !== undefined && expiry.from <= Date.now();
  }
}
