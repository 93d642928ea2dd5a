import { KeepwarmError } from "../../errors.ts";
import { replyText } from "../../wire/resp/reply.ts";
import { ExitCode } from "../exit-code.ts";
import { type ClientFlags, clientOptions, example } from "../options.ts";
import { readKey, showKey } from "../render/key.ts";
import { withServer } from "../server/connect.ts";
import { knowsCommand, replyCount } from "../server/snapshot.ts";
import type { DefineVerb, VerbContext } from "../verb.ts";

/** Keys that one KW.WHERE names. */
const KEYS_A_CALL = 500;

export const define: DefineVerb = (command, bind) => {
  clientOptions(command.argument("<keys...>", "keys, as `ls --keys` shows them")).action(bind(run));
  example(command, "keepwarm exists 'm@1@0@44ea817d9387da2c@bfloat16' && echo there");
};

interface Presence {
  readonly key: string;
  readonly exists: boolean;
  /** The tiers that have it, where the server tells. */
  readonly tiers?: readonly string[];
}

async function run(
  { io, out }: VerbContext,
  flags: ClientFlags,
  names: readonly string[],
): Promise<ExitCode> {
  return withServer(flags, io, async (connection) => {
    const keys = names.map(readKey);
    const found: Presence[] = [];
    const rich = await knowsCommand(connection, ["KW.WHERE", "-"]);
    for (let at = 0; at < keys.length; at += KEYS_A_CALL) {
      const some = keys.slice(at, at + KEYS_A_CALL);
      // EXISTS knows lists and hashes as well, and spares what it reports from eviction.
      const there = await Promise.all(
        some.map(async (key) => replyCount(await connection.command(["EXISTS", key])) > 0),
      );
      const where = rich ? await connection.command(["KW.WHERE", ...some]) : [];
      if (!Array.isArray(where)) throw new KeepwarmError("PROTOCOL", "KW.WHERE gave no list");
      for (const [index, key] of some.entries()) {
        const words = where[index];
        const tiers = Array.isArray(words) ? words.map((word) => replyText(word) ?? "") : undefined;
        found.push({ key: showKey(key), exists: there[index], ...(tiers && { tiers }) });
      }
    }
    const present = found.filter(({ exists }) => exists).length;
    out.result({ present, missing: found.length - present, keys: found }, () =>
      out.table(
        [{ title: "KEY" }, { title: "THERE" }, { title: "WHERE" }],
        found.map(({ key, exists, tiers = [] }) => [key, exists ? "yes" : "no", tiers.join(", ")]),
      ),
    );
    if (present === found.length) return ExitCode.ok;
    return present > 0 ? ExitCode.degraded : ExitCode.failed;
  });
}
