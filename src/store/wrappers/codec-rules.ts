import type { CodecName } from "../../codecs/codec.ts";
import { layoutOfDtype, layoutOfMetadata } from "../../codecs/lmcache-layout.ts";
import type { BlockLayout } from "../../codecs/tensor.ts";
import { parseKey } from "../../keys/family.ts";
import { compileGlob } from "../../util/glob.ts";
import type { CodecChoice } from "./block-coding.ts";

/** Which blocks a codec is for; what is left out holds for all. */
export interface CodecRule {
  /** Glob of keys. */
  readonly match?: string;
  readonly family?: string;
  readonly model?: string;
  readonly codec: CodecName;
  /** What the blocks are. Default: what LMCache's metadata beside a block says. */
  readonly layout?: BlockLayout;
  /** `cachegen`: bins of every layer. Default: LMCache's. */
  readonly bins?: number;
  /** Encode what goes to stores on other machines. */
  readonly remote: boolean;
  /** Encode in memory what was not used for so long. Default: nothing by itself. */
  readonly idleMs?: number;
}

const lossless: readonly CodecName[] = ["naive", "zstd-planes"];

interface Compiled {
  readonly rule: CodecRule;
  readonly isMeant: (key: Uint8Array) => boolean;
}

/** Codecs by namespace: of the rules that name a block the first holds. */
export class CodecRules {
  readonly #rules: readonly Compiled[];

  constructor(rules: readonly CodecRule[]) {
    this.#rules = rules.map((rule) => ({ rule, isMeant: test(rule) }));
  }

  get isEmpty(): boolean {
    return this.#rules.length === 0;
  }

  /** The rule for a key, of those that hold `where` asks for. */
  find(key: Uint8Array, where: (rule: CodecRule) => boolean = () => true): CodecRule | undefined {
    return this.#rules.find(({ rule, isMeant }) => where(rule) && isMeant(key))?.rule;
  }
}

/** How to encode a block, or why not: its layout is not known, or is not what the rule says. */
export type Choice =
  | { readonly choice: CodecChoice }
  | { readonly choice: undefined; readonly why: "unknown-layout" | "other-layout" };

/**
 * How a block is to be encoded.
 *
 * What LMCache says of a block in the metadata beside it counts for more than what a rule says. Lossy codecs
 * are for blocks only whose layout one of the two tells.
 *
 * @param metadata LMCache's `metadata` beside the block, if there is one
 */
export function choiceFor(
  { codec, layout: ruled, bins }: Pick<CodecRule, "codec" | "layout" | "bins">,
  key: Uint8Array,
  metadata: Uint8Array | undefined,
): Choice {
  const told = metadata && layoutOfMetadata(metadata);
  const isLossless = lossless.includes(codec);
  const { dtype, layer } = parseKey(key);
  const options = {
    ...(bins !== undefined && { bins: () => bins }),
    ...(layer !== undefined && { firstLayer: layer }),
  };
  const byKey = dtype === undefined ? undefined : layoutOfDtype(dtype);
  const layout = metadata === undefined ? (ruled ?? byKey) : told;
  if (isLossless) return { choice: { codec, ...options, ...(layout && { layout }) } };
  if (layout === undefined || layout.format === "BINARY")
    return { choice: undefined, why: "unknown-layout" };
  if (ruled !== undefined && !isSame(layout, ruled))
    return { choice: undefined, why: "other-layout" };
  return { choice: { codec, ...options, layout } };
}

function isSame(a: BlockLayout, b: BlockLayout): boolean {
  return (
    a.dtype === b.dtype &&
    a.format === b.format &&
    a.channels === b.channels &&
    (a.layers ?? 1) === (b.layers ?? 1)
  );
}

function test({ match, family, model }: CodecRule): (key: Uint8Array) => boolean {
  const glob = match === undefined ? undefined : compileGlob(match);
  return (key) => {
    if (glob !== undefined && !glob(key)) return false;
    if (family === undefined && model === undefined) return true;
    const facts = parseKey(key);
    return (
      (family === undefined || facts.family === family) &&
      (model === undefined || facts.model === model)
    );
  };
}
