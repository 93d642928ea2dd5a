import { plural } from "../render/plural.ts";
import { createInterface } from "node:readline/promises";
import { KeepwarmError } from "../../errors.ts";
import { readKey } from "../render/key.ts";
import { withServer } from "../server/connect.ts";
import { replyCount } from "../server/snapshot.ts";
import { hasRichScan, scanBlocks } from "../server/scan.ts";
import type { RespConnection } from "../../backends/valkey/connection.ts";
import { formatBytes } from "../../util/units.ts";
import { ExitCode } from "../exit-code.ts";
import { clientOptions, example, type ClientFlags } from "../options.ts";
import type { DefineVerb, VerbContext } from "../verb.ts";

interface RmFlags extends ClientFlags {
  readonly match?: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

export const define: DefineVerb = (command, bind) => {
  clientOptions(
    command
      .argument("[keys...]", "keys to remove")
      .option("-m, --match <glob>", "remove all keys like this: * ? [a-z]")
      .option("--dry-run", "tell what would go, remove nothing")
      .option("-y, --yes", "do not ask"),
  ).action(bind(run));
  example(command, "keepwarm rm --match 'old-model@*' --dry-run", "keepwarm rm KEY1 KEY2");
};

async function run(context: VerbContext, flags: RmFlags, names: string[]): Promise<ExitCode> {
  if (names.length > 0 === (flags.match !== undefined))
    throw new KeepwarmError("INPUT_INVALID", "rm takes either keys or --match GLOB", {
      remedy: "Try `keepwarm rm KEY` or `keepwarm rm --match 'model@*' --dry-run`.",
    });
  return withServer(flags, context.io, async (connection) => {
    const chosen =
      flags.match === undefined
        ? await sized(connection, names.map(readKey))
        : await matching(connection, flags.match);
    const bytes = chosen.reduce((sum, block) => sum + block.bytes, 0);
    const missing = flags.match === undefined ? names.length - chosen.length : 0;
    const what = `${plural(chosen.length, "block")}, ${formatBytes(bytes)}`;
    if (flags.dryRun) {
      context.out.result({ dryRun: true, blocks: chosen.length, bytes, missing }, () => "");
      context.out.note(`would remove ${what}`);
      return ExitCode.ok;
    }
    if (flags.match !== undefined && chosen.length > 0 && !flags.yes)
      await confirm(context, `Remove ${what}?`);
    const removed = await remove(
      connection,
      chosen.map(({ key }) => key),
      context.io.signal,
    );
    context.out.result({ dryRun: false, blocks: removed, bytes, missing }, () => "");
    context.out.note(`removed ${what}${missing > 0 ? `; ${missing} not there` : ""}`);
    if (missing === 0) return ExitCode.ok;
    return removed > 0 ? ExitCode.degraded : ExitCode.failed;
  });
}

interface Chosen {
  readonly key: Uint8Array;
  readonly bytes: number;
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

async function matching(connection: RespConnection, match: string): Promise<Chosen[]> {
  const blocks = new Map<string, Chosen>();
  for await (const page of scanBlocks(connection, await hasRichScan(connection), match))
    for (const block of page) blocks.set(block.key.toString("latin1"), block);
  return [...blocks.values()];
}

/** Asks on the terminal; where there is none, `--yes` must have been given. */
async function confirm({ io }: VerbContext, question: string): Promise<void> {
  const remedy = "Look with --dry-run first, then add --yes.";
  if (!io.stdin.isTTY) throw new KeepwarmError("INPUT_INVALID", "not removing unasked", { remedy });
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await lines.question(`${question} [y/N] `, { signal: io.signal });
    if (!/^y(es)?$/i.test(answer.trim()))
      throw new KeepwarmError("INPUT_INVALID", "nothing was removed", { remedy });
  } finally {
    lines.close();
  }
}

/** Keys that one DEL names. */
const batch = 500;

async function remove(
  connection: RespConnection,
  keys: readonly Uint8Array[],
  signal: AbortSignal,
): Promise<number> {
  let removed = 0;
  for (let at = 0; at < keys.length; at += batch) {
    const reply = await connection.command(["DEL", ...keys.slice(at, at + batch)], { signal });
    removed += replyCount(reply);
  }
  return removed;
}
