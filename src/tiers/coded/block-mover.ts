import { once } from "node:events";
import { partnerKey } from "../../store/pairs.ts";
import type { BlockCoding } from "../../store/wrappers/block-coding.ts";
import { type CodecRule, choiceFor } from "../../store/wrappers/codec-rules.ts";
import type { TierChain } from "../chain/tier-chain.ts";
import type { CodedStore, KeptBlock } from "./coded-store.ts";

/** Smaller blocks are not worth it. */
export const LEAST_BYTES = 4096;
/** How long a block may take to come up, in ms. */
const BRING_MS = 10_000;

/** Why a block stays where it is. */
type AsIsReason =
  | "gone"
  | "changed"
  | "pinned"
  | "too-small"
  | "half-of-a-pair"
  | "unknown-layout"
  | "other-layout"
  | "not-smaller"
  | "no-rule"
  | "done-already";

export type MoveOutcome =
  /** It was moved: bytes before and after. */
  | { readonly status: "moved"; readonly before: number; readonly after: number }
  | { readonly status: "as-is"; readonly why: AsIsReason }
  | { readonly status: "failed"; readonly why: "unreadable" | "no-room" };

const asIs = (why: AsIsReason): MoveOutcome => ({ status: "as-is", why });

type How = Pick<CodecRule, "codec" | "layout" | "bins">;

/**
 * Moves single blocks between the tiers that keep them as they are and the store that keeps them encoded. A
 * pair moves together. A block that a client replaces or deletes meanwhile stays replaced or deleted.
 */
export class BlockMover {
  readonly tiers: TierChain;
  readonly coded: CodedStore;
  readonly #coding: BlockCoding;

  constructor(tiers: TierChain, coded: CodedStore, coding: BlockCoding) {
    this.tiers = tiers;
    this.coded = coded;
    this.#coding = coding;
  }

  /**
   * Encodes a block and lets it leave RAM and disk.
   *
   * @param mayEvict whether other encoded blocks may leave for it
   */
  async encode(key: Buffer, keyspace: number, how: How, mayEvict: boolean): Promise<MoveOutcome> {
    const { tiers } = this;
    const place = tiers.find(key, 0, key.length, keyspace);
    if (place === 0) return asIs(this.coded.isKept(key, keyspace) ? "done-already" : "gone");
    const other = partnerKey(key, 0, key.length);
    if (other !== undefined && key.at(-1) === METADATA_END) return asIs("half-of-a-pair");
    if (tiers.isPinned(place)) return asIs("pinned");
    const before = tiers.length(place);
    if (before < LEAST_BYTES) return asIs("too-small");
    if (this.coded.isKept(key, keyspace)) {
      // It came up from there, and nobody has replaced it since.
      this.#drop(key, keyspace);
      return { status: "moved", before, after: this.#encodedBytes(key, keyspace) };
    }
    return this.#withValues([key, ...(other === undefined ? [] : [other])], keyspace, () =>
      this.#encodeHeld(key, other, keyspace, how, mayEvict),
    );
  }

  /** Lets an encoded block come back to RAM as it was. */
  async decode(key: Buffer, keyspace: number): Promise<MoveOutcome> {
    const { tiers, coded } = this;
    if (!coded.isKept(key, keyspace)) return asIs("gone");
    const before = this.#encodedBytes(key, keyspace);
    const other = partnerKey(key, 0, key.length);
    if (other !== undefined && key.at(-1) === METADATA_END) return asIs("half-of-a-pair");
    const keys = other === undefined || !coded.isKept(other, keyspace) ? [key] : [key, other];
    return this.#withValues(keys, keyspace, async () => {
      const places = keys.map((each) => tiers.find(each, 0, each.length, keyspace));
      if (places.includes(0)) return { status: "failed", why: "unreadable" };
      await coded.delete(keys, { keyspace });
      return { status: "moved", before, after: tiers.length(places[0]) };
    });
  }

  /** Runs with the values in RAM, where nothing pushes them out until then. */
  async #withValues(
    keys: readonly Buffer[],
    keyspace: number,
    run: () => Promise<MoveOutcome>,
  ): Promise<MoveOutcome> {
    const { tiers } = this;
    const come = new AbortController();
    const timer = setTimeout(() => come.abort(), BRING_MS).unref();
    const bringing = tiers.newBringing(() => come.abort());
    try {
      for (const key of keys) tiers.keep(key, 0, key.length, keyspace, bringing);
      for (const key of keys) tiers.bring(key, 0, key.length, keyspace, bringing);
      if (bringing.pending > 0) await once(come.signal, "abort");
      return await run();
    } finally {
      clearTimeout(timer);
      bringing.release();
    }
  }

  async #encodeHeld(
    key: Buffer,
    other: Buffer | undefined,
    keyspace: number,
    how: How,
    mayEvict: boolean,
  ): Promise<MoveOutcome> {
    const { ram } = this.tiers;
    const { entries, slots } = ram;
    const slot = this.#slotOf(key, keyspace);
    const otherSlot = other === undefined ? 0 : this.#slotOf(other, keyspace);
    if (slot === 0) return { status: "failed", why: "unreadable" };
    const metadata = otherSlot === 0 ? undefined : Buffer.from(slots.value(otherSlot));
    const value = slots.value(slot);
    const chosen = choiceFor(how, key, metadata);
    if (chosen.choice === undefined) return asIs(chosen.why);
    const parts = await this.#coding.encode(value, chosen.choice);
    if (parts === undefined) return asIs("not-smaller");
    const isSame = (): boolean =>
      this.#slotOf(key, keyspace) === slot &&
      (otherSlot === 0 || this.#slotOf(other!, keyspace) === otherSlot);
    if (!isSame()) return asIs("changed");
    const after = parts.reduce((sum, part) => sum + part.length, 0);
    if (!mayEvict && !this.coded.hasRoom(after)) return { status: "failed", why: "no-room" };
    const expiresAt = entries.expiresAt(ram.find(key, 0, key.length, keyspace));
    const ttlMs = expiresAt === 0 ? undefined : Math.max(1, expiresAt - ram.now());
    const blocks: KeptBlock[] = [{ key, parts, ttlMs }];
    if (metadata !== undefined) blocks.push({ key: other!, parts: [metadata], ttlMs });
    if (!(await this.coded.keep(blocks, keyspace))) return { status: "failed", why: "no-room" };
    // Who replaced, deleted or decoded it in this moment has ended what was just kept.
    const isKept = blocks.every((block) => this.coded.isKept(block.key, keyspace));
    if (!isKept || !isSame()) return asIs("changed");
    this.#drop(key, keyspace);
    return { status: "moved", before: slots.length(slot), after };
  }

  /** Lets a block leave RAM and disk, with the other half of its pair; stores beyond keep it. */
  #drop(key: Buffer, keyspace: number): void {
    const { ram, lower } = this.tiers;
    const row = lower?.locate(key, 0, key.length, keyspace) ?? 0;
    if (row !== 0) lower!.remove(row);
    const entry = ram.find(key, 0, key.length, keyspace);
    if (entry !== 0) ram.demote(entry);
  }

  #slotOf(key: Buffer, keyspace: number): number {
    const { ram } = this.tiers;
    const entry = ram.find(key, 0, key.length, keyspace);
    return entry === 0 ? 0 : ram.entries.slot(entry);
  }

  #encodedBytes(key: Buffer, keyspace: number): number {
    const { tiers } = this.coded;
    return tiers.length(tiers.find(key, 0, key.length, keyspace));
  }
}

/** How `metadata` ends, and `kv_bytes` does not. */
const METADATA_END = 0x61;
