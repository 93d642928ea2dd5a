import type { RespConnection } from "../../backends/valkey/connection.ts";
import type { Alternative } from "../explain/alternatives.ts";
import type { Chain } from "../explain/chain.ts";
import type { Search } from "../explain/search.ts";
import { ExitCode } from "../exit-code.ts";
import { clientOptions, example, type ClientFlags } from "../options.ts";
import { parseCount } from "../parse.ts";
import { chainOptions } from "../keys/options.ts";
import type { KeysFlags } from "../keys/flags.ts";
import { withServer } from "../server/connect.ts";
import type { DefineVerb, VerbContext } from "../verb.ts";

interface ExplainFlags extends ClientFlags, Partial<KeysFlags> {
  readonly trySeed?: string;
  readonly scanLimit: string;
}

export const define: DefineVerb = (command, bind) => {
  clientOptions(
    chainOptions(command)
      .option("--try-seed <n,…>", "more values of PYTHONHASHSEED to look for")
      .option("--scan-limit <n>", "most stored keys to look through; 0 for none", "1000000"),
  ).action(bind(run));
  example(
    command,
    "keepwarm explain --family lmcache --tokens @prompt.json --model Qwen/Qwen3-8B --dtype bfloat16",
    "keepwarm explain Qwen/Qwen3-8B@1@0@44ea817d9387da2c@bfloat16",
  );
};

async function run(
  context: VerbContext,
  flags: ExplainFlags,
  names: readonly string[],
): Promise<ExitCode> {
  const { io } = context;
  const limit = parseCount(flags.scanLimit, "--scan-limit");
  const seeds = (flags.trySeed ?? "").split(",").filter(Boolean);
  const { chainOf } = await import("../explain/chain.ts");
  const chain = await chainOf(names, flags, io);
  return withServer(flags, io, async (connection) => {
    const { knowsWhy } = await import("../explain/fate.ts");
    const { findChunks } = await import("../explain/finding.ts");
    const rich = await knowsWhy(connection);
    const findings = await findChunks(connection, chain.chunks, rich);
    const { warnOfSilentRemotes } = await import("../explain/silent-remotes.ts");
    if (rich) await warnOfSilentRemotes(connection, context.out, findings);
    const at = findings.findIndex(({ state }) => state !== "found");
    const lookup = { limit, signal: io.signal, seeds };
    const search =
      at < 0 || limit === 0 ? undefined : await lookAround(connection, chain, at, lookup);
    const { diagnose } = await import("../explain/diagnosis.ts");
    const { report } = await import("../explain/report.ts");
    const evidence = { ...chain, findings, search, now: Date.now() };
    report(context, evidence, diagnose(evidence));
    return at < 0 ? ExitCode.ok : ExitCode.degraded;
  });
}

/** What else is stored of the tokens of chunk `at`. */
async function lookAround(
  connection: RespConnection,
  { chunks, tokens, flags }: Chain,
  at: number,
  {
    seeds,
    ...bounds
  }: { readonly limit: number; readonly signal: AbortSignal; readonly seeds: readonly string[] },
): Promise<Search> {
  const { searchStored } = await import("../explain/search.ts");
  const { facts, start } = chunks[at];
  let others: readonly Alternative[] = [];
  if (tokens && flags && start !== undefined) {
    const { alternativesOf } = await import("../explain/alternatives.ts");
    others = await alternativesOf(flags.family as never, flags, tokens, start, seeds);
  }
  return searchStored(connection, facts, others, bounds);
}
