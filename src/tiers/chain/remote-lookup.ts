import type { RamTier } from "../ram/ram-tier.ts";
import type { Bringing } from "./bringing.ts";
import type { Fetched, Remote } from "./remote.ts";

interface Question {
  readonly id: string;
  readonly key: Buffer;
  readonly keyspace: number;
  readonly waiting: Bringing[];
  /** The key was written or removed since: what is being read of it is of no use. */
  isOutdated: boolean;
}

/** Publishes what came from a remote store; answers the slot, or 0 when it is not wanted any more. */
export type Land = (key: Buffer, keyspace: number, fetched: Fetched) => number;

/**
 * Asks remote stores, in their order, for keys that no local tier has. What is asked in one turn goes
 * in one batch; who asks for a key that is asked for already waits for the same answer.
 */
export class RemoteLookup {
  readonly #ram: RamTier;
  readonly #remotes: readonly Remote[];
  readonly #land: Land;
  readonly #values = new Map<string, Question>();
  readonly #presences = new Map<string, Question>();
  #newValues: Question[] = [];
  #newPresences: Question[] = [];

  constructor(ram: RamTier, remotes: readonly Remote[], land: Land) {
    this.#ram = ram;
    this.#remotes = remotes;
    this.#land = land;
  }

  /** Lets the value of `key[start, end)` come to RAM. */
  bring(key: Uint8Array, start: number, end: number, keyspace: number, bringing: Bringing): void {
    bringing.expect();
    const { question, isNew } = ask(this.#values, key, start, end, keyspace, bringing);
    if (!isNew) return;
    if (this.#newValues.push(question) === 1) queueMicrotask(() => void this.#fetch());
  }

  /** Finds out whether a remote store has the key: {@link Bringing.elsewhere} then tells. */
  seek(key: Uint8Array, start: number, end: number, keyspace: number, bringing: Bringing): void {
    bringing.expect();
    const { question, isNew } = ask(this.#presences, key, start, end, keyspace, bringing);
    if (!isNew) return;
    if (this.#newPresences.push(question) === 1) queueMicrotask(() => void this.#find());
  }

  /** The key has another value now, or none: what is on its way is not to be found any more. */
  outdate(key: Uint8Array, keyspace: number): void {
    if (this.#values.size + this.#presences.size === 0) return;
    const id = lookupId(key, 0, key.length, keyspace);
    for (const questions of [this.#values, this.#presences]) {
      const question = questions.get(id);
      if (question !== undefined) question.isOutdated = true;
    }
  }

  /** The same for all keys, or those of one keyspace. */
  outdateAll(keyspace?: number): void {
    for (const questions of [this.#values, this.#presences])
      for (const question of questions.values())
        if (keyspace === undefined || question.keyspace === keyspace) question.isOutdated = true;
  }

  async #fetch(): Promise<void> {
    const asked = this.#newValues;
    this.#newValues = [];
    for (const [keyspace, questions] of byKeyspace(asked)) void this.#fetchAll(keyspace, questions);
  }

  async #fetchAll(keyspace: number, questions: Question[]): Promise<void> {
    let missing = questions;
    for (const remote of this.#remotes) {
      if (missing.length === 0) break;
      const fetched = await remote.read(
        missing.map(({ key }) => key),
        keyspace,
      );
      const still: Question[] = [];
      for (const [index, question] of missing.entries()) {
        const value = fetched[index];
        if (value === undefined) still.push(question);
        else if (question.isOutdated) {
          this.#ram.cancel(value.slot);
          this.#arrive(question, 0);
        } else this.#arrive(question, this.#land(question.key, keyspace, value));
      }
      missing = still;
    }
    for (const question of missing) this.#arrive(question, 0);
  }

  #arrive(question: Question, slot: number): void {
    this.#values.delete(question.id);
    if (slot !== 0) this.#ram.slots.retain(slot);
    for (const bringing of question.waiting) bringing.arrive(slot);
    if (slot !== 0) this.#ram.slots.release(slot);
  }

  async #find(): Promise<void> {
    const asked = this.#newPresences;
    this.#newPresences = [];
    for (const [keyspace, questions] of byKeyspace(asked)) void this.#findAll(keyspace, questions);
  }

  async #findAll(keyspace: number, questions: Question[]): Promise<void> {
    let missing = questions;
    for (const remote of this.#remotes) {
      if (missing.length === 0) break;
      const present = await remote.has(
        missing.map(({ key }) => key),
        keyspace,
      );
      for (const [index, question] of missing.entries())
        if (present[index]) {
          this.#presences.delete(question.id);
          for (const bringing of question.waiting)
            if (question.isOutdated) bringing.arrive(0);
            else bringing.foundElsewhere(question.id, remote.store.name);
        }
      missing = missing.filter((_, index) => !present[index]);
    }
    for (const { id, waiting } of missing) {
      this.#presences.delete(id);
      for (const bringing of waiting) bringing.arrive(0);
    }
  }
}

/** What a key is called here: its keyspace and its bytes. */
export function lookupId(key: Uint8Array, start: number, end: number, keyspace: number): string {
  return `${keyspace} ${Buffer.from(key.buffer, key.byteOffset + start, end - start).toString("latin1")}`;
}

function ask(
  questions: Map<string, Question>,
  key: Uint8Array,
  start: number,
  end: number,
  keyspace: number,
  bringing: Bringing,
): { question: Question; isNew: boolean } {
  const id = lookupId(key, start, end, keyspace);
  const open = questions.get(id);
  if (open !== undefined) {
    open.waiting.push(bringing);
    return { question: open, isNew: false };
  }
  const question = {
    id,
    key: Buffer.from(key.subarray(start, end)),
    keyspace,
    waiting: [bringing],
    isOutdated: false,
  };
  questions.set(id, question);
  return { question, isNew: true };
}

function byKeyspace(questions: readonly Question[]): Map<number, Question[]> {
  const groups = new Map<number, Question[]>();
  for (const question of questions) {
    const group = groups.get(question.keyspace);
    if (group === undefined) groups.set(question.keyspace, [question]);
    else group.push(question);
  }
  return groups;
}
