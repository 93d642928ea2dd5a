import type { Call, Commands } from "../commands.ts";
import type { Place } from "../waiting.ts";
import { KeyNames } from "../key-names.ts";
import type { BlockKey, Found, Layout, NotFound, Write } from "./layout.ts";
import type { LmcachePairFormat, PairGeneration } from "./options.ts";
import { describeBytes, encodePairMetadata, pairLength } from "./pair-metadata.ts";
import { allExist, fetchValue, forget, storeValue } from "./transfer.ts";

/** What stands before and after the key. */
const endings: Readonly<Record<PairGeneration, readonly [before: string, after: string]>> = {
  redis: ["", ""],
  valkey: ["", ":"],
  "valkey-cluster": ["{", "}:"],
};

/**
 * LMCache's two keys a chunk, in LMCache's order: bytes are written before their metadata and read
 * after it, so that whoever sees the metadata finds the bytes.
 */
export class PairLayout implements Layout {
  readonly overheadBytes = 0;
  readonly framed = false;
  readonly #commands: Commands;
  readonly #readTtl: boolean;
  readonly #values: KeyNames;
  readonly #metadata: KeyNames;
  readonly #describe: NonNullable<LmcachePairFormat["describe"]>;

  constructor(commands: Commands, prefix: string, format: LmcachePairFormat, readTtl: boolean) {
    const [before, after] = endings[format.generation ?? "redis"];
    this.#commands = commands;
    this.#readTtl = readTtl;
    this.#values = new KeyNames(prefix + before, `${after}kv_bytes`);
    this.#metadata = new KeyNames(prefix + before, `${after}metadata`);
    this.#describe = format.describe ?? ((_, bytes) => describeBytes(bytes));
  }

  async read(key: BlockKey, place: Place, call: Call): Promise<Found | NotFound> {
    const metadataName = this.#metadataName(key);
    const get = { name: metadataName, args: ["GET", metadataName] };
    const [metadata] = await this.#commands.lookups([get], call, true);
    if (metadata === null) return "absent";
    if (metadata instanceof Error) throw metadata;
    const length = Buffer.isBuffer(metadata) ? pairLength(metadata) : undefined;
    if (length === undefined) return "damaged";
    let torn = false;
    const exactly = (bytes: number): Uint8Array | undefined => {
      torn = bytes !== length;
      return torn ? undefined : place(bytes);
    };
    const fetched = await fetchValue(
      this.#commands,
      this.valueName(key),
      exactly,
      call,
      this.#readTtl,
    );
    if (fetched === "absent") {
      // Metadata whose bytes were evicted promises what nobody has: LMCache removes it as well.
      forget(this.#commands, metadataName, call);
      return "damaged";
    }
    if (typeof fetched === "string") return torn ? "damaged" : "refused";
    if (fetched.bytes !== length) return "damaged";
    return { ...fetched, value: fetched.memory.subarray(0, length) };
  }

  async write(block: Write, call: Call): Promise<"stored" | "exists"> {
    const { parts, bytes, ifAbsent } = block;
    const metadata = encodePairMetadata(bytes, this.#describe(block.key, bytes));
    if (ifAbsent && (await allExist(this.#commands, this.presence(block), call))) return "exists";
    const options = { ttlMs: block.ttlMs, ifAbsent: false };
    await storeValue(this.#commands, this.valueName(block), parts, options, call);
    await storeValue(this.#commands, this.#metadataName(block), [metadata], options, call);
    return "stored";
  }

  presence(key: BlockKey): readonly Buffer[] {
    return [this.#metadataName(key), this.valueName(key)];
  }

  removal(key: BlockKey): readonly Buffer[] {
    return [this.#metadataName(key), this.valueName(key)];
  }

  valueName({ key, keyspace }: BlockKey): Buffer {
    return this.#values.name(key, keyspace);
  }

  blockBytes(stored: number): number {
    return stored;
  }

  pattern(prefix: Uint8Array, keyspace: number): Buffer {
    return this.#metadata.pattern(prefix, keyspace);
  }

  listed(name: Buffer, keyspace: number): BlockKey | undefined {
    const key = this.#metadata.key(name, keyspace);
    return key === undefined ? undefined : { key, keyspace };
  }

  #metadataName({ key, keyspace }: BlockKey): Buffer {
    return this.#metadata.name(key, keyspace);
  }
}
