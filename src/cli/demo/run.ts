import { randomBytes } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { KeepwarmError } from "../../errors.ts";
import { obtainLlamaRuntime } from "../../models/llama-runtime.ts";
import type { Key } from "../../store/contract.ts";
import { keyBytes } from "../../store/key-bytes.ts";
import { formatBytes, formatCount } from "../../util/units.ts";
import { chooseModel } from "../inference/obtain-model.ts";
import { checkStoreUrl, kindOfUrl, shownUrl } from "../inference/store-url.ts";
import type { VerbContext } from "../verb.ts";
import { type Answer, Asker, type AskerOptions } from "./asker.ts";
import { type Bar, drawBars, formatMs } from "./chart.ts";
import { document as wholeDocument, questions } from "./document.ts";
import { demoResult, type DemoResult, type Step } from "./report.ts";
import { inSecondProcess, type JobResult } from "./second-process.ts";
import { sideBySide } from "./side-by-side.ts";
import { demoDirectory, middleChunk, openDemoStore, recordBlocks, requireServer } from "./store.ts";
import { drawSvg } from "./svg.ts";

export interface DemoSettings {
  readonly model?: string | undefined;
  readonly randomWeights?: boolean | undefined;
  readonly url?: string | undefined;
  readonly ssd?: string | undefined;
  /** Tokens of the prompts, at most. */
  readonly tokens: number;
  readonly threads?: number | undefined;
  readonly svg?: string | undefined;
  readonly damage?: boolean | undefined;
}

/** Room for the answer, and for questions that are longer than the first. */
const spareTokens = 256;
/** Tokens beyond which a context takes memory for nothing: the document has no more. */
const mostTokens = 10_000;
/** What is left on a server that others use goes by itself. */
const ttlMs = 10 * 60_000;

/** Asks in this process and in a second one, and shows what the store saved. */
export async function runDemo(context: VerbContext, settings: DemoSettings): Promise<DemoResult> {
  const { io, out } = context;
  const say = (line: string): void => (out.json ? out.note(line) : out.text(line));
  checkStoreUrl(settings.url);
  if (settings.url !== undefined) await requireServer(settings.url);
  const model = await chooseModel(context, settings);
  const runtime = await obtainLlamaRuntime({ onProgress: (line) => out.note(line) });
  const ssd = settings.ssd === undefined ? undefined : resolve(io.cwd, settings.ssd);
  const scratch = ssd === undefined ? undefined : demoDirectory(ssd);
  if (scratch !== undefined) await rm(scratch, { recursive: true, force: true });
  try {
    const shared = {
      runtime,
      modelPath: model.path,
      contextSize: Math.min(settings.tokens, mostTokens) + spareTokens,
      threads: settings.threads,
      salt: randomBytes(16).toString("hex"),
      ttlMs: settings.url === undefined ? undefined : ttlMs,
    };
    say(`model   ${model.name}`);
    say(`store   ${describeStore(settings, scratch)}`);
    const { steps, second } = await ask(context, { ...settings, ssd }, shared, say);
    const { restored } = second;
    const tier = tierOf(settings, restored) ?? "none";
    const result = demoResult(second, model, tier);
    if (!out.json) show(context, steps, result, second);
    if (settings.svg !== undefined) {
      const title = `Time to first token: ${result.ttftRatio}x and ${result.againRatio}x sooner`;
      const about = `${model.name}, ${formatCount(result.tokens)} tokens, ${formatBytes(result.bytes)} from ${tier}`;
      await writeFile(resolve(io.cwd, settings.svg), drawSvg(barsOf(steps), title, about));
      say(`chart written: ${basename(settings.svg)}`);
    }
    return result;
  } finally {
    if (scratch !== undefined) await rm(scratch, { recursive: true, force: true });
  }
}

type Shared = Omit<AskerOptions, "store" | "threads" | "ttlMs"> & {
  readonly threads: number | undefined;
  readonly ttlMs: number | undefined;
};

async function ask(
  { io }: VerbContext,
  settings: DemoSettings,
  options: Shared,
  say: (line: string) => void,
): Promise<{ steps: Step[]; second: JobResult }> {
  const steps: Step[] = [];
  const add = (process: Step["process"], what: string, answer: Answer): void => {
    steps.push({ process, what, answer });
    say(lineOf(steps.at(-1)!, tierOf(settings, answer)));
    io.signal.throwIfAborted();
  };
  await using demoStore = await openDemoStore(settings);
  const { store } = demoStore;
  const blocks = recordBlocks(store);
  const asker = await Asker.open({ ...options, store });
  let document: string;
  let shared: number;
  let middle: Key | undefined;
  try {
    document = asker.shorten(wholeDocument, settings.tokens, questions[0]);
    if (document === "")
      throw new KeepwarmError("INPUT_INVALID", `--tokens ${settings.tokens} is too few`, {
        remedy: "Take 100 or more.",
      });
    shared = asker.sharedTokens(document, [questions[0], questions[1]]);
    say(`\nProcess A (${process.pid}): three questions about one document`);
    add("A", "question 1, cold", await asker.read(document, questions[0], shared));
    if (!asker.isStored())
      throw new KeepwarmError("CONNECTION_FAILED", "nothing could be stored", {
        remedy: "Is the server of --url there? keepwarm doctor URL says more.",
      });
    middle = middleChunk(blocks);
    add("A", "question 2", await asker.askWithStore(document, questions[1]));
    add("A", "question 3", await asker.askWithStore(document, questions[2]));
    add("A", "question 3 again", await asker.askWithStore(document, questions[2]));
  } finally {
    await asker[Symbol.asyncDispose]();
  }
  say("\nProcess B, new: a fourth question about the same document");
  const second = await inSecondProcess(
    {
      ...options,
      place: await demoStore.handOver(),
      document,
      question: questions[3],
      shared,
      damage: settings.damage === true && middle !== undefined ? keyBytes(middle) : undefined,
    },
    io.signal,
  );
  add("B", "question 4", second.restored);
  add("B", "question 4 again", second.again);
  if (second.damaged !== undefined) add("B", "question 4, a bit flipped", second.damaged);
  add("B", "question 4, no store", second.cold);
  return { steps, second };
}

function describeStore({ url, ssd }: DemoSettings, scratch: string | undefined): string {
  if (url !== undefined) return shownUrl(url);
  return ssd === undefined ? "memory of process A, served to B on loopback" : String(scratch);
}

/** The tier as people call it who see the store from outside. */
function tierOf({ url, ssd }: DemoSettings, { reuse }: Answer): string | undefined {
  if (reuse?.tier !== "valkey") return reuse?.tier;
  if (url !== undefined) return kindOfUrl(url);
  return ssd === undefined ? "process A" : reuse.tier;
}

function lineOf({ what, answer }: Step, tier: string | undefined): string {
  const { tokens, ttftMs, reuse } = answer;
  const restored = reuse?.restoredTokens ?? 0;
  const from =
    restored === 0
      ? "computed"
      : `${formatCount(restored)} restored, ${formatBytes(reuse!.bytes)} from ${tier}`;
  return `  ${what.padEnd(26)} ${formatMs(ttftMs).padStart(8)}  ${formatCount(tokens)} tokens, ${from}`;
}

function barsOf(steps: readonly Step[]): Bar[] {
  return steps.map(({ process, what, answer }) => ({
    label: `${process}: ${what}`,
    ms: answer.ttftMs,
    isCold: (answer.reuse?.restoredTokens ?? 0) === 0,
  }));
}

function show(
  { io, out }: VerbContext,
  steps: readonly Step[],
  result: DemoResult,
  { restored, cold }: JobResult,
): void {
  const width = Math.min(io.stdout.columns ?? 100, 120);
  out.text("\nTime to first token\n");
  out.text(drawBars(barsOf(steps), Math.max(20, width - 45), out.paint));
  out.text(`Question 4: ${restored.question}\n`);
  out.text(sideBySide(["without a store", wordsOf(cold)], ["restored", wordsOf(restored)], width));
  const same = result.identical
    ? out.paint("green", "the same answer, token by token")
    : out.paint("red", "THE ANSWERS DIFFER");
  out.text(
    `${result.ttftRatio}x sooner for a new question, ${result.againRatio}x for the same one again; ${same}`,
  );
  if (result.damageCaught !== undefined)
    out.text(
      result.damageCaught
        ? "A bit flipped in a stored block: noticed; what stands before it was restored, the rest computed."
        : out.paint("red", "A bit flipped in a stored block was NOT noticed."),
    );
}

/** What was said; the tokens' numbers where they are no text, as with random weights. */
function wordsOf({ text, said }: Answer): string {
  return text === "" ? said.join(" ") : text;
}
