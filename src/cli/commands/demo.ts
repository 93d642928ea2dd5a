import { ExitCode } from "../exit-code.ts";
import { example, outputOptions } from "../options.ts";
import type { OutputFlags } from "../output.ts";
import { parseCount } from "../parse.ts";
import type { DefineVerb, VerbContext } from "../verb.ts";

interface DemoFlags extends OutputFlags {
  readonly model?: string;
  readonly randomWeights?: boolean;
  readonly url?: string;
  readonly ssd?: string;
  readonly tokens: string;
  readonly threads?: string;
  readonly svg?: string;
  readonly damage?: boolean;
}

export const define: DefineVerb = (command, bind) => {
  outputOptions(
    command
      .option("--model <file>", "a GGUF file (default: a small model, got once, 93 MB)")
      .option("--random-weights", "a model of noise, as when no real one can be had")
      .option("--url <url>", "the store to use (default: memory of the first process)")
      .option("--ssd <folder>", "a folder on the disk to store in")
      .option("--tokens <n>", "tokens of a prompt, at most; the document has little more", "2000")
      .option("--threads <n>", "threads that compute (default: one less than cores)")
      .option("--svg <file>", "write the chart as a picture")
      .option("--damage", "also flip a bit of a stored block, and see that it is noticed"),
  ).action(bind(run));
  example(command, "keepwarm demo", "keepwarm demo --url valkey://127.0.0.1:6379 --svg ttft.svg");
};

async function run(context: VerbContext, flags: DemoFlags): Promise<ExitCode> {
  const { runDemo } = await import("../demo/run.ts");
  const { tokens, threads, model, randomWeights, url, ssd, svg, damage } = flags;
  const result = await runDemo(context, {
    tokens: parseCount(tokens, "--tokens", 1),
    threads: threads === undefined ? undefined : parseCount(threads, "--threads", 1),
    model,
    randomWeights,
    url,
    ssd,
    svg,
    damage,
  });
  if (context.out.json) context.out.object(result);
  if (result.reusedTokens === 0) return ExitCode.failed;
  return result.identical && result.damageCaught !== false ? ExitCode.ok : ExitCode.failed;
}
