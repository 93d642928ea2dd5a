import type { Command } from "commander";
import type { RespConnection } from "../../backends/valkey/connection.ts";
import { KeepwarmError } from "../../errors.ts";
import { keyFamilies } from "../../keys/facts.ts";
import { parseKey } from "../../keys/family.ts";
import type { Argument } from "../../wire/resp/request-encoder.ts";
import { parseDuration } from "../../util/units.ts";
import type { CliIo } from "../io.ts";
import type { KeysFlags } from "../keys/flags.ts";
import { promptOptions } from "../keys/options.ts";
import { readKey } from "../render/key.ts";
import { hasRichScan, scanBlocks, type ListedBlock } from "./scan.ts";
import { replyCount } from "./snapshot.ts";

/** Flags that choose blocks; all that are given must hold. With `tokens` they say how a prompt is hashed. */
export interface SelectorFlags extends Partial<Omit<KeysFlags, "json" | "quiet">> {
  readonly match?: string;
  readonly prefix?: string;
  readonly family?: string;
  readonly model?: string;
  readonly tier?: string;
  readonly idle?: string;
}

/** A block that was chosen. */
export interface Chosen {
  readonly key: Uint8Array;
  readonly bytes: number;
}

export interface Selection {
  readonly blocks: readonly Chosen[];
  /** Keys that were named and are not there. */
  readonly missing: number;
}

/** Adds the argument and the flags that choose blocks. */
export function selectorOptions(command: Command): Command {
  command
    .argument("[keys...]", "keys of blocks")
    .option("-m, --match <glob>", "all keys like this: * ? [a-z]")
    .option("--prefix <text>", "all keys that begin so")
    .option("--family <name>", "all keys of this family, as ls shows it")
    .option("--model <name>", "all keys of this model, as ls shows it")
    .option("--tier <name>", "all blocks whose nearest tier is this: ram, ssd or coded")
    .option("--idle <duration>", "all blocks that were not used for so long");
  return promptOptions(command);
}

function hasSelector(flags: SelectorFlags): boolean {
  const { match, prefix, family, model, tier, idle, tokens } = flags;
  return [match, prefix, family, model, tier, idle, tokens].some((flag) => flag !== undefined);
}

/**
 * The blocks that names or flags choose, each once.
 *
 * Throws `INPUT_INVALID` unless there is exactly one kind of them, and `UNSUPPORTED` when the server
 * can't tell what a flag asks for.
 */
export async function select(
  connection: RespConnection,
  verb: string,
  names: readonly string[],
  flags: SelectorFlags,
  io: CliIo,
): Promise<Selection> {
  requireOneKind(verb, names, flags);
  if (flags.tokens !== undefined) return prompt(connection, verb, flags, io);
  if (names.length === 0)
    return { blocks: await matching(connection, flags, io.signal), missing: 0 };
  const blocks = await sized(connection, names.map(readKey));
  return { blocks, missing: names.length - blocks.length };
}

/**
 * The same choice as words of `KW.JOB START`.
 *
 * @throws KeepwarmError as {@link select} does
 */
export async function selectorWords(
  connection: RespConnection,
  verb: string,
  names: readonly string[],
  flags: SelectorFlags,
  io: CliIo,
): Promise<Argument[]> {
  requireOneKind(verb, names, flags);
  if (names.length > 0) return ["KEYS", ...names.map(readKey)];
  if (flags.tokens !== undefined) {
    const { blocks } = await prompt(connection, verb, flags, io);
    return ["KEYS", ...blocks.map(({ key }) => key)];
  }
  filterOf(flags, true);
  const { match, prefix, family, model, tier, idle } = flags;
  return Object.entries({
    MATCH: match,
    PREFIX: prefix === undefined ? undefined : readKey(prefix),
    FAMILY: family,
    MODEL: model,
    TIER: tier,
    IDLE: idle === undefined ? undefined : String(parseDuration(idle)),
  }).flatMap(([word, value]) => (value === undefined ? [] : [word, value]));
}

/** What is there of a prompt's chunks, in all forms in which engines store one. */
async function prompt(
  connection: RespConnection,
  verb: string,
  flags: SelectorFlags,
  io: CliIo,
): Promise<Selection> {
  const { match, prefix, tier, idle, ...keysFlags } = flags;
  if ([match, prefix, tier, idle].some((flag) => flag !== undefined))
    throw new KeepwarmError("INPUT_INVALID", `${verb} takes either --tokens or other selectors`, {
      remedy: "With --tokens give --family, --model and what says how the prompt is hashed.",
    });
  const { chainOf } = await import("../explain/chain.ts");
  const { chunks } = await chainOf([], keysFlags, io);
  const blocks: Chosen[] = [];
  let missing = 0;
  for (const { forms } of chunks) {
    const found = await sized(
      connection,
      forms.flatMap(({ keys }) => keys),
    );
    blocks.push(...found);
    if (found.length === 0) missing++;
  }
  return { blocks, missing };
}

function requireOneKind(verb: string, names: readonly string[], flags: SelectorFlags): void {
  if (names.length > 0 !== hasSelector(flags)) return;
  throw new KeepwarmError("INPUT_INVALID", `${verb} takes either keys or flags that choose some`, {
    remedy: `Try \`keepwarm ${verb} KEY\` or \`keepwarm ${verb} --match 'model@*' --dry-run\`.`,
  });
}

async function sized(connection: RespConnection, keys: readonly Buffer[]): Promise<Chosen[]> {
  const found = await Promise.all(
    keys.map(async (key) => {
      const [there, bytes] = await Promise.all([
        connection.command(["EXISTS", key]),
        connection.command(["STRLEN", key]),
      ]);
      return replyCount(there) > 0 ? [{ key, bytes: replyCount(bytes) }] : [];
    }),
  );
  return found.flat();
}

async function matching(
  connection: RespConnection,
  flags: SelectorFlags,
  signal: AbortSignal,
): Promise<Chosen[]> {
  const rich = await hasRichScan(connection);
  const isChosen = filterOf(flags, rich);
  const { match = flags.prefix === undefined ? undefined : beginning(flags.prefix) } = flags;
  const blocks = new Map<string, Chosen>();
  for await (const page of scanBlocks(connection, rich, match)) {
    signal.throwIfAborted();
    for (const block of page) if (isChosen(block)) blocks.set(block.key.toString("latin1"), block);
  }
  return [...blocks.values()];
}

/**
 * Whether a listed block is meant by the flags, `match` aside.
 *
 * @throws KeepwarmError `INPUT_INVALID` for a family that is none, `UNSUPPORTED` when the server can't
 *   tell what a flag asks for
 */
export function filterOf(flags: SelectorFlags, rich: boolean): (block: ListedBlock) => boolean {
  if (!rich && (flags.tier !== undefined || flags.idle !== undefined))
    throw new KeepwarmError("UNSUPPORTED", "this server does not tell tiers and idle times", {
      remedy: "Choose by --match, --prefix, --family or --model.",
    });
  if (flags.family !== undefined && !(keyFamilies as readonly string[]).includes(flags.family))
    throw new KeepwarmError("INPUT_INVALID", `--family ${flags.family} is none`, {
      remedy: `Write one of ${keyFamilies.join(", ")}.`,
    });
  return predicate(flags);
}

function predicate(flags: SelectorFlags): (block: ListedBlock) => boolean {
  const { family, model, tier } = flags;
  const prefix = flags.prefix === undefined ? undefined : readKey(flags.prefix);
  const idleMs = flags.idle === undefined ? undefined : parseDuration(flags.idle);
  return (block) => {
    if (prefix !== undefined && !block.key.subarray(0, prefix.length).equals(prefix)) return false;
    if (tier !== undefined && block.tier !== tier) return false;
    if (idleMs !== undefined && (block.idleMs ?? 0) < idleMs) return false;
    if (family === undefined && model === undefined) return true;
    const facts = parseKey(block.key);
    return (
      (family === undefined || facts.family === family) &&
      (model === undefined || facts.model === model)
    );
  };
}

/** A glob for keys that begin so. Bytes that are no text are left to the comparison afterwards. */
function beginning(prefix: string): string {
  const [text] = prefix.split("\\x", 1);
  return `${text.replaceAll(/[*?[\]\\]/g, String.raw`\$&`)}*`;
}
