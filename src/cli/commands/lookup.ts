import type { Finding } from "../explain/finding.ts";
import type { Chain } from "../explain/chain.ts";
import { formatCount } from "../../util/units.ts";
import { ExitCode } from "../exit-code.ts";
import type { KeysFlags } from "../keys/flags.ts";
import { chainOptions } from "../keys/options.ts";
import { clientOptions, example, type ClientFlags } from "../options.ts";
import { plural } from "../render/plural.ts";
import { withServer } from "../server/connect.ts";
import type { DefineVerb, VerbContext } from "../verb.ts";

type LookupFlags = ClientFlags & Partial<KeysFlags>;

export const define: DefineVerb = (command, bind) => {
  clientOptions(chainOptions(command)).action(bind(run));
  example(
    command,
    "keepwarm lookup --family lmcache --tokens @prompt.json --model Qwen/Qwen3-8B --dtype bfloat16",
    "keepwarm lookup Qwen/Qwen3-8B@1@0@44ea817d9387da2c@bfloat16 --json",
  );
};

async function run(
  { io, out }: VerbContext,
  flags: LookupFlags,
  names: readonly string[],
): Promise<ExitCode> {
  const { chainOf } = await import("../explain/chain.ts");
  const chain = await chainOf(names, flags, io);
  const findings = await withServer(flags, io, async (connection) => {
    const { knowsWhy } = await import("../explain/fate.ts");
    const { findChunks } = await import("../explain/finding.ts");
    const { warnOfSilentRemotes } = await import("../explain/silent-remotes.ts");
    const rich = await knowsWhy(connection);
    const found = await findChunks(connection, chain.chunks, rich);
    if (rich) await warnOfSilentRemotes(connection, out, found);
    return found;
  });
  const hits = prefixOf(findings);
  const { showKey } = await import("../render/key.ts");
  const { chunkRuns } = await import("../explain/runs.ts");
  const { chunks } = chain;
  const hitTokens = chunks[hits - 1]?.end ?? 0;
  const tiers = countTiers(findings.slice(0, hits));
  out.result(
    {
      chunks: chunks.length,
      hitChunks: hits,
      ...(chain.tokens && { tokens: chain.tokens.length, hitTokens }),
      tiers,
      runs: chunkRuns(findings, stateOf).map(({ from, to, state }) => ({ from, to, state })),
      keys: findings.map(({ key }) => showKey(key)),
    },
    () => {
      const rows = chunkRuns(findings, stateOf).map(({ from, to, state }) => [
        from === to ? `${from + 1}` : `${from + 1}-${to + 1}`,
        chunks[from].start === undefined ? "-" : `${chunks[from].start}-${chunks[to].end! - 1}`,
        state,
        showKey(findings[from].key),
      ]);
      const columns = ["CHUNKS", "TOKENS", "TIER", "FIRST KEY"].map((title) => ({ title }));
      return `${summary(chain, hits, hitTokens, tiers)}\n\n${out.table(columns, rows)}`;
    },
  );
  if (hits < chunks.length)
    out.note("`keepwarm explain` with the same flags tells why the rest is not there");
  if (hits === chunks.length) return ExitCode.ok;
  return hits > 0 ? ExitCode.degraded : ExitCode.failed;
}

/** How many chunks are there in a row, from the first: what an engine can use. */
function prefixOf(findings: readonly Finding[]): number {
  const missing = findings.findIndex(({ state }) => state !== "found");
  return missing < 0 ? findings.length : missing;
}

/** The nearest tier that has a chunk whole. */
function tierOf(finding: Finding): string | undefined {
  return finding.state === "found" ? (finding.tiers[0] ?? "there") : undefined;
}

function stateOf(finding: Finding): string {
  return tierOf(finding) ?? finding.state;
}

function countTiers(findings: readonly Finding[]): Record<string, number> {
  const tiers: Record<string, number> = {};
  for (const finding of findings) {
    const tier = tierOf(finding)!;
    tiers[tier] = (tiers[tier] ?? 0) + 1;
  }
  return tiers;
}

function summary(
  { chunks, tokens }: Chain,
  hits: number,
  hitTokens: number,
  tiers: Readonly<Record<string, number>>,
): string {
  const where = Object.entries(tiers).map(([tier, count]) => `${formatCount(count)} in ${tier}`);
  const of = `${formatCount(hits)} of ${plural(chunks.length, "chunk")}`;
  const found =
    tokens === undefined
      ? of
      : `${formatCount(hitTokens)} of ${plural(tokens.length, "token")}, ${of}`;
  return `${found}${where.length === 0 ? "" : `: ${where.join(", ")}`}`;
}
