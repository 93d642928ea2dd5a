import type { Bringing } from "../../tiers/chain/bringing.ts";
import type { TierChain } from "../../tiers/chain/tier-chain.ts";
import { NO_ROOM, type RamTier, TOO_LARGE } from "../../tiers/ram/ram-tier.ts";
import { KEY_FIELD_BYTES, METADATA_BYTES, TWO_GROUPS_BYTES } from "../../wire/lm/header.ts";
import type { Request } from "../../wire/lm/request.ts";

const KV_BYTES = Buffer.from("kv_bytes");
const METADATA = Buffer.from("metadata");
const ENDING_BYTES = 8;
const LINE_FEED = Buffer.from("\n");
const NOTHING = Buffer.alloc(0);
/** SELECT's first: what clients of Redis use unless told otherwise. */
const KEYSPACE = 0;

/** Where a block is: in RAM, at least in part in a tier below, nowhere. */
export type Whereabouts = "here" | "below" | "absent";

/**
 * Blocks as `lm://` names them, kept as the two entries that LMCache's Redis connector would have made
 * of them: `<key>kv_bytes` with the value and `<key>metadata` with its description. So a block that came
 * one way can be had the other way, and the tiers treat both alike.
 *
 * What {@link find} found is valid until the store changes.
 */
export class LmBlocks {
  readonly #tiers: TierChain;
  readonly #ram: RamTier;
  readonly #name = Buffer.alloc(KEY_FIELD_BYTES + ENDING_BYTES);
  #keyLength = 0;
  /** Places of what the last {@link find} found. */
  #value = 0;
  #metadata = 0;

  constructor(tiers: TierChain) {
    this.#tiers = tiers;
    this.#ram = tiers.ram;
  }

  /** Slot of the value found here. */
  get valueSlot(): number {
    return this.#ram.entries.slot(this.#value);
  }

  /** Slot of what describes the value found here. */
  get metadataSlot(): number {
    return this.#ram.entries.slot(this.#metadata);
  }

  /**
   * Whether the block found here has several groups of layers, each with a dtype and a shape of its own.
   * Headers have room for one: such a value goes out as the bytes that it is.
   */
  get hasSeveralGroups(): boolean {
    return this.#ram.slots.length(this.metadataSlot) >= TWO_GROUPS_BYTES;
  }

  /** Where the block is that a request names. */
  find(request: Request): Whereabouts {
    this.#setKey(request);
    this.#metadata = this.#place(METADATA);
    this.#value = this.#place(KV_BYTES);
    const [metadata, value] = [this.#metadata, this.#value];
    if (metadata === 0 || value === 0) return "absent";
    const { slots } = this.#ram;
    // Finding the second may have dropped the first, when both have expired.
    if (!this.#tiers.isPresent(metadata)) return "absent";
    if (this.#tiers.length(metadata) < METADATA_BYTES) return "absent";
    if (metadata < 0) return "below";
    const slot = this.metadataSlot;
    const described = slots.piece(slot).readInt32LE(slots.valueOffset(slot));
    if (described !== this.#tiers.length(value)) return "absent";
    return value < 0 ? "below" : "here";
  }

  /** Lets the block found below come up; `ready` is called when it has, or can't. */
  bring(ready: () => void): Bringing {
    const bringing = this.#tiers.newBringing(ready);
    const end = this.#keyLength + ENDING_BYTES;
    for (const ending of [METADATA, KV_BYTES])
      this.#tiers.keep(this.#nameOf(ending), 0, end, KEYSPACE, bringing);
    for (const ending of [METADATA, KV_BYTES])
      this.#tiers.bring(this.#nameOf(ending), 0, end, KEYSPACE, bringing);
    return bringing;
  }

  /** The block found here was read, having come up with `bringing` if it had to. */
  read(bringing: Bringing | undefined): void {
    this.#tiers.read(this.#metadata, bringing);
    this.#tiers.read(this.#value, bringing);
  }

  /** The found block was reported present, and will probably be asked for. */
  protect(): void {
    this.#tiers.protect(this.#metadata);
    this.#tiers.protect(this.#value);
    this.#tiers.prefetch([this.#metadata, this.#value]);
  }

  /** A slot for the value that a PUT announces, or TOO_LARGE, or NO_ROOM for now. */
  reserve(request: Request): number {
    const keyLength = request.keyEnd - request.keyStart;
    return this.#ram.reserve(request.length, keyLength + ENDING_BYTES);
  }

  /** Stores a filled slot as the value of the request's key. False when there is no room: then it is gone. */
  store(request: Request, slot: number): boolean {
    const ram = this.#ram;
    this.#setKey(request);
    const nameLength = this.#keyLength + ENDING_BYTES;
    const groups = this.#groupsOf(request);
    const metadata = ram.reserve(METADATA_BYTES + groups.length, nameLength);
    if (metadata === NO_ROOM || metadata === TOO_LARGE) {
      ram.cancel(slot);
      return false;
    }
    const [piece, at] = [ram.slots.piece(metadata), ram.slots.valueOffset(metadata)];
    request.copyMetadata(piece, at);
    groups.copy(piece, at + METADATA_BYTES);
    if (ram.publish(slot, this.#nameOf(KV_BYTES), 0, nameLength, KEYSPACE, 0) === 0) {
      ram.cancel(metadata);
      return false;
    }
    return ram.publish(metadata, this.#nameOf(METADATA), 0, nameLength, KEYSPACE, 0) !== 0;
  }

  /** Drops the block that a request names because its new value found no room. */
  lose(request: Request): void {
    this.remove(request);
    const end = this.#keyLength + ENDING_BYTES;
    for (const ending of [KV_BYTES, METADATA])
      this.#ram.departures?.record(this.#nameOf(ending), 0, end, KEYSPACE, "ram", "dropped", 0);
  }

  /** Drops the block that a request names. */
  remove(request: Request): void {
    this.#setKey(request);
    for (const ending of [KV_BYTES, METADATA]) {
      const place = this.#place(ending);
      if (place !== 0) this.#tiers.remove(place);
    }
  }

  /** Keys of the blocks that are there, a line each, up to a number of bytes. */
  list(mostBytes: number): Buffer {
    const lines: Buffer[] = [];
    let bytes = 0;
    for (const place of this.#values()) {
      const name = this.#tiers.key(place);
      const end = name.length - ENDING_BYTES;
      if (end < 1 || end > KEY_FIELD_BYTES || !name.subarray(end).equals(KV_BYTES)) continue;
      const key = Buffer.from(name.subarray(0, end));
      const other = Buffer.concat([key, METADATA]);
      if (this.#tiers.find(other, 0, other.length, KEYSPACE) === 0) continue;
      bytes += end + 1;
      if (bytes > mostBytes) break;
      if (lines.length > 0) lines.push(LINE_FEED);
      lines.push(key);
    }
    return Buffer.concat(lines);
  }

  /** Places of everything, each key once. */
  *#values(): Generator<number> {
    const { entries } = this.#ram;
    for (let entry = 1; entry < entries.end; entry++)
      if (entries.isPresent(entry) && entries.keyspace(entry) === KEYSPACE) yield entry;
    const { lower } = this.#tiers;
    for (let row = 1; lower !== undefined && row < lower.end; row++)
      if (lower.isPresent(row) && lower.keyspace(row) === KEYSPACE && !lower.isInRam(row))
        yield -row;
  }

  #setKey(request: Request): void {
    this.#keyLength = request.keyEnd - request.keyStart;
    request.bytes.copy(this.#name, 0, request.keyStart, request.keyEnd);
  }

  /**
   * What the header of a PUT had no room for: further groups, where metadata that came by `redis://` is
   * there in RAM and says the same of the value as the header does.
   */
  #groupsOf(request: Request): Buffer {
    const place = this.#place(METADATA);
    if (place <= 0 || this.#tiers.length(place) < TWO_GROUPS_BYTES) return NOTHING;
    const known = this.#ram.slots.value(this.#ram.entries.slot(place));
    const header = Buffer.alloc(METADATA_BYTES);
    request.copyMetadata(header, 0);
    return header.equals(known.subarray(0, METADATA_BYTES))
      ? Buffer.from(known.subarray(METADATA_BYTES))
      : NOTHING;
  }

  #place(ending: Buffer): number {
    if (this.#keyLength === 0) return 0;
    ending.copy(this.#name, this.#keyLength);
    return this.#tiers.find(this.#name, 0, this.#keyLength + ENDING_BYTES, KEYSPACE);
  }

  #nameOf(ending: Buffer): Buffer {
    ending.copy(this.#name, this.#keyLength);
    return this.#name.subarray(0, this.#keyLength + ENDING_BYTES);
  }
}
