import type { Call, Commands } from "../commands.ts";
import type { Place } from "../waiting.ts";
import type { KeyNames } from "../key-names.ts";
import { frameBytes, frameOf, isFrame, openFrame } from "./frame.ts";
import type { BlockKey, Found, Layout, NotFound, Write } from "./layout.ts";
import { allExist, fetchValue, forget, storeValue, worthAskingBytes } from "./transfer.ts";

/** One key a block: its bytes as they are, or framed with key, length and checksum. */
export class SingleLayout implements Layout {
  readonly overheadBytes: number;
  readonly framed: boolean;
  readonly #commands: Commands;
  readonly #names: KeyNames;
  readonly #readTtl: boolean;

  constructor(commands: Commands, names: KeyNames, framed: boolean, readTtl: boolean) {
    this.#commands = commands;
    this.#names = names;
    this.framed = framed;
    this.#readTtl = readTtl;
    this.overheadBytes = framed ? 2048 : 0;
  }

  async read(key: BlockKey, place: Place, call: Call): Promise<Found | NotFound> {
    const fetched = await fetchValue(
      this.#commands,
      this.valueName(key),
      place,
      call,
      this.#readTtl,
    );
    if (typeof fetched === "string") return fetched;
    const { memory, bytes, ttlMs } = fetched;
    if (!this.framed) return { value: memory.subarray(0, bytes), memory, ttlMs };
    const framed = Buffer.from(memory.buffer, memory.byteOffset, bytes);
    const value = openFrame(key.key, framed);
    if (value !== undefined) return { value, memory, ttlMs };
    // Else it would be found, and of no use, for ever. What others have stored is theirs.
    if (isFrame(framed)) forget(this.#commands, this.valueName(key), call);
    return "damaged";
  }

  async write(block: Write, call: Call): Promise<"stored" | "exists"> {
    const name = this.valueName(block);
    if (block.ifAbsent && block.bytes >= worthAskingBytes)
      if (await allExist(this.#commands, [name], call)) return "exists";
    const { parts } = block;
    const framed = this.framed ? [frameOf(block.key, parts), ...parts] : parts;
    return storeValue(this.#commands, name, framed, block, call);
  }

  presence(key: BlockKey): readonly Buffer[] {
    return [this.valueName(key)];
  }

  removal(key: BlockKey): readonly Buffer[] {
    return [this.valueName(key)];
  }

  valueName({ key, keyspace }: BlockKey): Buffer {
    return this.#names.name(key, keyspace);
  }

  blockBytes(stored: number, { key }: BlockKey): number {
    return this.framed ? Math.max(stored - frameBytes(key), 0) : stored;
  }

  pattern(prefix: Uint8Array, keyspace: number): Buffer {
    return this.#names.pattern(prefix, keyspace);
  }

  listed(name: Buffer, keyspace: number): BlockKey | undefined {
    const key = this.#names.key(name, keyspace);
    return key === undefined ? undefined : { key, keyspace };
  }
}
