import type { MachineFacts } from "../support/machine.ts";
import { markdownTable } from "../support/markdown.ts";
import type { Timing } from "./measure.ts";

/** One prompt length, and how its first token came from each place. */
interface LengthResult {
  readonly tokens: number;
  readonly coldMs: number;
  /** The runtime's own file of the whole state. */
  readonly saveFileMs: number;
  readonly rows: readonly PlaceResult[];
}

export interface PlaceResult {
  readonly place: string;
  /** Whether the prompt was there whole, or only the document before the question. */
  readonly what: "same prompt" | "new question";
  readonly timing: Timing;
}

export interface TtftResults {
  readonly machine: MachineFacts;
  readonly node: string;
  readonly model: string;
  readonly settings: { readonly rounds: number; readonly threads: number | undefined };
  readonly lengths: readonly LengthResult[];
}

export function renderTtftMarkdown({
  machine,
  node,
  model,
  settings,
  lengths,
}: TtftResults): string {
  const head = ["tokens", "from", "what", "TTFT ms", "sooner"];
  const steps = ["find", "fetch", "assemble", "restore", "first token", "restored", "MB"];
  const rows = lengths.flatMap(({ tokens, coldMs, rows: places }) => [
    [String(tokens), "-", "computed", ms(coldMs), "1x", "-", "-", "-", "-", ms(coldMs), "0", "0"],
    ...places.map(({ place, what, timing }) => [
      String(tokens),
      place,
      what,
      ms(timing.ttftMs),
      `${(coldMs / timing.ttftMs).toFixed(1)}x`,
      ms(timing.findMs),
      ms(timing.fetchMs),
      ms(timing.assembleMs),
      ms(timing.restoreMs),
      ms(timing.firstTokenMs),
      String(timing.restoredTokens),
      (timing.bytes / 1e6).toFixed(1),
    ]),
  ]);
  const saves = lengths.map(({ tokens, saveFileMs }) => `${tokens} tokens in ${ms(saveFileMs)} ms`);
  const whole = lengths[0]?.rows.find(({ what }) => what === "same prompt")?.timing;
  const perToken = whole === undefined ? 0 : whole.bytes / whole.restoredTokens;
  return `# Time to first token

${model}, node-llama-cpp on the processor, ${settings.threads ?? "cores less one"} threads. Node ${node},
${machine.cpu}, ${machine.cores} cores, Keepwarm ${machine.keepwarm}, ${machine.date.slice(0, 10)}. Medians of ${settings.rounds}
rounds; computed once or more, beside them. ${perToken.toFixed(0)} bytes of values a token.

${markdownTable([...head, ...steps], rows)}

The file of the whole state was written by the runtime: ${saves.join(", ")}.
`;
}

export function renderTtftJson(results: TtftResults): string {
  return `${JSON.stringify(results, null, 2)}\n`;
}

function ms(value: number): string {
  return Number.isNaN(value) ? "-" : value.toFixed(value < 10 ? 1 : 0);
}
