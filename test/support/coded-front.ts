import type { BlockCoder } from "../../src/codecs/coder.ts";
import type { BlockLayout } from "../../src/codecs/tensor.ts";
import { tensorOf } from "../../src/codecs/tensor.ts";
import { BlockCoding } from "../../src/store/wrappers/block-coding.ts";
import { type CodecRule, CodecRules } from "../../src/store/wrappers/codec-rules.ts";
import { type TierChainOptions, TierChain } from "../../src/tiers/chain/tier-chain.ts";
import { BlockMover } from "../../src/tiers/coded/block-mover.ts";
import { CodedStore } from "../../src/tiers/coded/coded-store.ts";
import { RamStore } from "../../src/tiers/ram-store.ts";
import { RamTier, type RamTierOptions } from "../../src/tiers/ram/ram-tier.ts";
import { startFront } from "./front.ts";
import { packMetadata } from "./lm.ts";
import { kvLike } from "./tensors.ts";

export const MIB = 1024 ** 2;

export const layout = {
  dtype: "bfloat16",
  format: "KV_2LTD",
  layers: 4,
  channels: 64,
} as const satisfies BlockLayout;

const bytesPerToken = 2 * 4 * 64 * 2;

/** A block of that layout, 1 KiB a token. */
export function kvBlock(tokens: number, seed = 1): Buffer {
  return Buffer.from(
    kvLike({ ...tensorOf(layout, tokens * bytesPerToken)!, dtype: "bfloat16" }, seed),
  );
}

/** What LMCache says of such a block. */
export function kvMetadata(tokens: number): Buffer {
  const shape = [2, layout.layers, tokens, layout.channels] as const;
  return packMetadata(tokens * bytesPerToken, { format: 1, dtype: 3, shape });
}

/** A front with room for encoded blocks; nothing is encoded by itself. */
export async function startCodedFront({
  codedBytes = 8 * MIB,
  rules = [],
  coder,
  tier = {},
  chain = {},
}: {
  readonly codedBytes?: number;
  readonly rules?: readonly CodecRule[];
  readonly coder?: BlockCoder;
  readonly tier?: Partial<RamTierOptions>;
  readonly chain?: Omit<TierChainOptions, "ram">;
} = {}) {
  const ram = new RamTier({ capacityBytes: 16 * MIB, graceMs: 0, ...tier });
  const coding = new BlockCoding(coder);
  const inner = new RamStore({
    capacityBytes: codedBytes,
    graceMs: 0,
    ...(tier.clock && { clock: tier.clock }),
  });
  const coded = new CodedStore(inner, coding, ram.maxValueBytes);
  const tiers = new TierChain({ ...chain, ram, aside: coded });
  const mover = new BlockMover(tiers, coded, coding);
  const codecRules = new CodecRules(rules);
  const front = await startFront({ tiers, coding: { rules: codecRules, mover } });
  return { ...front, ram, tiers, coded, mover, rules: codecRules, client: await front.client() };
}
