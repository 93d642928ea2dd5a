import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Answer, Asker } from "../../src/cli/demo/asker.ts";
import { leaveMemory } from "../../src/cli/demo/store.ts";
import type { BlockStore } from "../../src/store/contract.ts";
import { median } from "../support/stats.ts";

/** Milliseconds of one way to the first token, medians; `NaN` where a step does not exist. */
export interface Timing {
  readonly ttftMs: number;
  readonly findMs: number;
  readonly fetchMs: number;
  readonly assembleMs: number;
  readonly restoreMs: number;
  /** What is left: tokens, template, evaluating what was not restored. */
  readonly firstTokenMs: number;
  readonly restoredTokens: number;
  readonly bytes: number;
}

/** A text to ask about, and what is asked in every place. */
export interface Subject {
  readonly document: string;
  readonly tokens: number;
}

export const firstQuestion = "Who was the first keeper?";

/** The prompt that was stored, again. */
export async function timeAgain(
  asker: Asker,
  store: BlockStore,
  { document }: Subject,
  rounds: number,
): Promise<Timing> {
  return inRounds(rounds, async () => {
    await leaveMemory(store);
    return asker.askWithStore(document, firstQuestion);
  });
}

/** Questions that nobody asked before. */
export async function timeShared(
  asker: Asker,
  store: BlockStore,
  { document }: Subject,
  rounds: number,
): Promise<Timing> {
  return inRounds(rounds, async (round) => {
    await leaveMemory(store);
    return asker.askWithStore(document, `What happened in the year 19${round + 10}?`);
  });
}

/** The runtime's own file of the whole state, after the answer to the subject's question. */
export async function timeStateFile(
  asker: Asker,
  { document }: Subject,
  rounds: number,
): Promise<{ readonly saveMs: number; readonly loadMs: number; readonly again: Timing }> {
  const folder = await mkdtemp(join(tmpdir(), "keepwarm-ttft-"));
  const file = join(folder, "state");
  const { sequence } = asker;
  try {
    const saves: number[] = [];
    const loads: number[] = [];
    const ttfts: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const began = performance.now();
      await sequence.saveStateToFile(file);
      saves.push(performance.now() - began);
      await sequence.clearHistory();
      const asked = performance.now();
      const prompt = asker.prompt(document, firstQuestion);
      await sequence.loadStateFromFile(file, { acceptRisk: true });
      loads.push(performance.now() - asked);
      const end = sequence.nextTokenIndex;
      await sequence.eraseContextTokenRanges([{ start: prompt.length - 1, end }]);
      for await (const _ of sequence.evaluate(prompt.slice(-1), { temperature: 0 })) {
        ttfts.push(performance.now() - asked);
        break;
      }
    }
    const { size } = await stat(file);
    const [ttftMs, loadMs] = [median(ttfts), median(loads)];
    const none = { findMs: Number.NaN, fetchMs: Number.NaN, assembleMs: Number.NaN };
    const restoredTokens = asker.prompt(document, firstQuestion).length - 1;
    const again = { ttftMs, ...none, restoreMs: loadMs, firstTokenMs: ttftMs - loadMs };
    return { saveMs: median(saves), loadMs, again: { ...again, restoredTokens, bytes: size } };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function inRounds(rounds: number, ask: (round: number) => Promise<Answer>): Promise<Timing> {
  const answers: Answer[] = [];
  for (let round = 0; round < rounds; round++) answers.push(await ask(round));
  const middle = (value: (answer: Answer) => number): number => median(answers.map(value));
  const { reuse } = answers[0];
  return {
    ttftMs: middle(({ ttftMs }) => ttftMs),
    findMs: middle((answer) => answer.reuse?.times.findMs ?? 0),
    fetchMs: middle((answer) => answer.reuse?.times.fetchMs ?? 0),
    assembleMs: middle((answer) => answer.reuse?.times.assembleMs ?? 0),
    restoreMs: middle((answer) => answer.reuse?.times.restoreMs ?? 0),
    firstTokenMs: middle((answer) => answer.ttftMs - (answer.reuse?.times.totalMs ?? 0)),
    restoredTokens: reuse?.restoredTokens ?? 0,
    bytes: reuse?.bytes ?? 0,
  };
}
