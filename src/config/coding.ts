import { setTimeout as delay } from "node:timers/promises";
import { backgroundCoder } from "../codecs/thread/coder-pool.ts";
import type { Logger } from "../observe/logger.ts";
import type { BlockStore } from "../store/contract.ts";
import { partnerKey } from "../store/pairs.ts";
import { BlockCoding, type CodecChoice } from "../store/wrappers/block-coding.ts";
import { CodecRules, choiceFor } from "../store/wrappers/codec-rules.ts";
import { CodecStore } from "../store/wrappers/codec-store.ts";
import type { TierChain } from "../tiers/chain/tier-chain.ts";
import { BlockMover } from "../tiers/coded/block-mover.ts";
import { CodedStore } from "../tiers/coded/coded-store.ts";
import { IdleCoder } from "../tiers/coded/idle-coder.ts";
import { LocalStore } from "../tiers/local-store.ts";
import { RamStore } from "../tiers/ram-store.ts";
import type { RamTier } from "../tiers/ram/ram-tier.ts";
import { halfOfDisk } from "../tiers/ssd/capacity.ts";
import { codecRules } from "./codecs.ts";
import type { Config } from "./schema.ts";

/** How long a block on its way to a remote store waits for the metadata that tells its layout, in ms. */
const METADATA_MS = 200;
const METADATA_POLL_MS = 10;

/** What encodes and decodes for a server: on the way to stores on other machines, and in memory. */
export class ServerCoding {
  readonly rules: CodecRules;
  /** Where blocks are kept encoded, if there is room for any. */
  readonly coded: CodedStore | undefined;
  readonly #coder = backgroundCoder();
  readonly #ram: RamTier;
  readonly #coding: BlockCoding;
  readonly #idleMs: boolean;
  #idle: IdleCoder | undefined;

  private constructor(config: Config, ram: RamTier, inner: LocalStore | RamStore | undefined) {
    const rules = codecRules(config);
    this.rules = new CodecRules(rules);
    this.#idleMs = rules.some(({ idleMs }) => idleMs !== undefined);
    this.#ram = ram;
    this.#coding = new BlockCoding(this.#coder);
    this.coded = inner && new CodedStore(inner, this.#coding, ram.maxValueBytes);
  }

  /** Throws as {@link LocalStore.open} does. */
  static async open(config: Config, ram: RamTier, logger: Logger): Promise<ServerCoding> {
    return new ServerCoding(config, ram, await openCoded(config, logger));
  }

  /** A remote store whose blocks are encoded as the rules say, and decoded whoever encoded them. */
  wrap(store: BlockStore): BlockStore {
    return new CodecStore(store, {
      name: store.name,
      coder: this.#coder,
      choose: (key, keyspace) => this.#choose(key, keyspace),
    });
  }

  /** What moves blocks in and out of {@link coded}; begins to do so where rules say when. */
  start(tiers: TierChain, logger: Logger): BlockMover | undefined {
    if (this.coded === undefined) return undefined;
    const mover = new BlockMover(tiers, this.coded, this.#coding);
    if (this.#idleMs) this.#idle = new IdleCoder({ mover, rules: this.rules, logger });
    return mover;
  }

  /** Moves nothing more. */
  async stop(): Promise<void> {
    await this.#idle?.close();
  }

  async close(): Promise<void> {
    await this.coded?.close();
    await this.#coder.close();
  }

  async #choose(key: Buffer, keyspace: number): Promise<CodecChoice | undefined> {
    const rule = this.rules.find(key, ({ remote }) => remote);
    if (rule === undefined) return undefined;
    const metadata = await this.#metadataOf(key, keyspace);
    // Without a layout a lossy codec refuses, and the block is counted as left as it is.
    return choiceFor(rule, key, metadata).choice ?? { codec: rule.codec };
  }

  /** LMCache's metadata beside a block, which clients store right behind it. */
  async #metadataOf(key: Buffer, keyspace: number): Promise<Uint8Array | undefined> {
    const other = partnerKey(key, 0, key.length);
    if (other === undefined || !key.toString("latin1").endsWith("kv_bytes")) return undefined;
    for (let waited = 0; ; waited += METADATA_POLL_MS) {
      const { entries, slots } = this.#ram;
      const entry = this.#ram.find(other, 0, other.length, keyspace);
      if (entry !== 0) return Buffer.from(slots.value(entries.slot(entry)));
      if (waited >= METADATA_MS) return undefined;
      await delay(METADATA_POLL_MS);
    }
  }
}

async function openCoded(
  { coded, ssd }: Config,
  logger: Logger,
): Promise<LocalStore | RamStore | undefined> {
  const { size, dir, diskSize } = coded;
  if (size === 0) return undefined;
  const ram = { capacityBytes: size, graceMs: 0 };
  if (dir === undefined) return new RamStore(ram);
  return LocalStore.open({
    ram,
    ssd: {
      directory: dir,
      capacityBytes: diskSize ?? (await halfOfDisk(dir)),
      direct: ssd.direct,
      logger,
    },
  });
}
