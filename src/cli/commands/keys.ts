import type { HashChain } from "../../keys/hash/hash-chain.ts";
import { ExitCode } from "../exit-code.ts";
import { example, outputOptions } from "../options.ts";
import { plural } from "../render/plural.ts";
import type { DefineVerb, VerbContext } from "../verb.ts";
import type { KeysFlags } from "../keys/flags.ts";
import { keyOptions } from "../keys/options.ts";

export const define: DefineVerb = (command, bind) => {
  outputOptions(
    keyOptions(
      command
        .requiredOption("--family <name>", "lmcache, lmcache-mp, hicache or native")
        .requiredOption(
          "--tokens <ids>",
          "token ids: 1,2,3 or @FILE (JSON, commas or white space)",
        ),
    ).option("--part <name>", "kv_bytes or metadata, which redis:// of LMCache appends"),
  ).action(bind(run));
  example(
    command,
    "keepwarm keys --family lmcache --seed 0 --chunk-size 4 --tokens 1,2,3,4,5,6,7,8",
    "keepwarm keys --family lmcache-mp --tokens @prompt.json --model Qwen/Qwen3-8B --json",
    "keepwarm keys --family hicache --page-size 64 --tokens @prompt.txt --model qwen3-8b",
  );
};

async function run({ io, out }: VerbContext, flags: KeysFlags): Promise<ExitCode> {
  const { checkFlags } = await import("../keys/flags.ts");
  const { hasherOf } = await import("../keys/hasher.ts");
  const { keyMaker } = await import("../keys/key-maker.ts");
  const { readTokens } = await import("../keys/tokens.ts");
  const family = checkFlags(flags);
  const tokens = await readTokens(flags.tokens, io);
  const { hasher, hash } = await hasherOf(family, flags);
  const makeKey = keyMaker(family, flags);
  const chain = hasher.chain(tokens);
  const chunks = describeChunks(chain, makeKey);
  const rows = chunks.map(({ start, end, hash, key }) => [`${start}`, `${end}`, key ?? hash]);
  const columns = [
    { title: "FROM", align: "right" },
    { title: "TO", align: "right" },
    { title: flags.model === undefined ? "HASH" : "KEY" },
  ] as const;
  const root = Buffer.from(hasher.root).toString("hex");
  out.result(
    { family, hash, chunkSize: hasher.chunkSize, tokens: tokens.length, root, chunks },
    () => out.table(columns, rows),
  );
  const left = tokens.length - (chain.length === 0 ? 0 : chain.end(chain.length - 1));
  if (left > 0 && !flags.bigram)
    out.note(`${plural(left, "token")} at the end fill no chunk of ${hasher.chunkSize}`);
  return ExitCode.ok;
}

interface Chunk {
  readonly start: number;
  readonly end: number;
  readonly hash: string;
  readonly key?: string;
}

function describeChunks(
  chain: HashChain,
  makeKey: ((hash: string) => string) | undefined,
): Chunk[] {
  return Array.from({ length: chain.length }, (_, index) => {
    const hash = chain.hash(index);
    const key = makeKey && { key: makeKey(hash) };
    return { start: chain.start(index), end: chain.end(index), hash, ...key };
  });
}
