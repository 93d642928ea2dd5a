import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import {
  type MeasurableSequence,
  suffixGenerator,
} from "../../../src/adapters/node-llama-cpp/metrics.ts";
import { LlamaKvCache } from "../../../src/adapters/node-llama-cpp/index.ts";
import { bestOfN } from "../../../src/adapters/sampling/best-of-n.ts";
import { powerSample } from "../../../src/adapters/sampling/power-sampling.ts";
import { RamStore } from "../../../src/tiers/ram-store.ts";
import { RamTier } from "../../../src/tiers/ram/ram-tier.ts";
import { MetricsChannel } from "../../../src/metrics-channel/channel/metrics-channel.ts";
import { pollUntil } from "../../../src/testing/servers/poll.ts";
import { startRedisServer } from "../../../src/testing/servers/redis-server.ts";
import type { RunningServer } from "../../../src/testing/servers/running-server.ts";
import { withConnection } from "../../../src/testing/servers/with-connection.ts";
import type { Done, Job, Orders } from "./metrics-worker.ts";
import { loadModel } from "./runtime.ts";

let server: RunningServer;
beforeAll(async () => {
  server = await startRedisServer({ engine: "valkey" });
});
afterAll(() => server.stop());

function openChannel(): MetricsChannel {
  const channel = new MetricsChannel({ url: server.url, deadlineMs: 60_000 });
  onTestFinished(() => channel.close());
  return channel;
}

function startWorker(orders: Orders): Worker {
  const program = new URL("metrics-worker.mjs", import.meta.url);
  const worker = new Worker(program, { workerData: orders });
  onTestFinished(async () => void (await worker.terminate()));
  return worker;
}

/** Runs jobs in a worker thread to their end, while this thread reads the channel. */
async function runJobs(channel: MetricsChannel, jobs: readonly Job[]) {
  const done = new Map<string, Done>();
  const worker = startWorker({ url: server.url, run: channel.run, ttlMs: 60_000, jobs });
  worker.on("message", (message: Done) => done.set(message.request, message));
  const drains = jobs.map(({ request }) => channel.drain(request, { waitMs: 300_000 }));
  const [drained] = await Promise.all([Promise.all(drains), once(worker, "exit")]);
  return { done, drained };
}

it("hands over what the whole distribution says, of 64 requests at once, and never mixes them", async () => {
  const subjects = ["river", "castle", "engine", "piano", "winter", "bread", "planet", "letter"];
  const jobs = subjects.flatMap((subject, at) =>
    subjects.map((other, index) => ({
      request: MetricsChannel.newRequest(),
      prompt: `The ${subject} and the ${other}`,
      maxTokens: 1 + ((at + index) % 3),
      temperature: 0.5 + at / 8,
      seed: 100 * at + index,
    })),
  );
  const { done, drained } = await runJobs(openChannel(), jobs);
  expect(drained).toHaveLength(64);
  const norms = new Set<number>();
  for (const [index, { samples, complete }] of drained.entries()) {
    const { tokens, truth } = done.get(jobs[index].request)!;
    expect(complete).toBe(true);
    expect(samples).toHaveLength(tokens.length);
    for (const [step, sample] of samples.entries()) {
      expect(sample.step).toBe(step);
      expect(sample.norm).toBeCloseTo(truth[step].norm, 9);
      expect(sample.temperedNorm).toBeCloseTo(truth[step].temperedNorm, 9);
      expect(sample.entropy).toBeCloseTo(truth[step].entropy, 9);
      expect(tokens[step].logit).toBe(truth[step].logits.get(tokens[step].token));
      norms.add(sample.norm!);
    }
  }
  expect(norms.size).toBeGreaterThan(100);
}, 360_000);

it("has the norm nearly for free, with tokens that llama.cpp draws", async () => {
  const jobs = ["Once upon a time", "The answer is"].map((prompt, seed) => ({
    request: MetricsChannel.newRequest(),
    prompt,
    maxTokens: 6,
    temperature: 1.5,
    seed,
    measures: "norm" as const,
  }));
  const { done, drained } = await runJobs(openChannel(), jobs);
  for (const [index, { samples, complete }] of drained.entries()) {
    const { tokens, truth } = done.get(jobs[index].request)!;
    expect(complete).toBe(true);
    for (const [step, sample] of samples.entries()) {
      expect(sample.norm).toBeCloseTo(truth[step].norm, 4);
      expect(sample.entropy).toBeUndefined();
      expect(tokens[step].logit).toBe(truth[step].logits.get(tokens[step].token));
    }
  }
}, 360_000);

it("leaves nothing behind when the worker is killed between push and read", async () => {
  const request = MetricsChannel.newRequest();
  const job = { request, prompt: "The sea", maxTokens: 8, temperature: 1, seed: 1 };
  const orders = { url: server.url, run: "killed", ttlMs: 1500, jobs: [job], hang: true };
  const worker = startWorker(orders);
  expect(await once(worker, "message")).toEqual(["pushed"]);
  const key = `keepwarm:metrics:{killed}:${request}`;
  await withConnection(server.url, async (connection) => {
    expect(await connection.command(["EXISTS", key])).toBe(1);
    await worker.terminate();
    await pollUntil(
      "it has expired",
      async () => (await connection.command(["EXISTS", key])) === 0,
    );
  });
}, 60_000);

it("draws texts by power sampling and best of n, the same ones for the same seed", async () => {
  const model = await loadModel();
  const ram = new RamTier({ capacityBytes: 64 * 1024 ** 2 });
  const cache = await LlamaKvCache.open({
    store: new RamStore(ram),
    modelPath: model.path,
    chunkSize: 8,
  });
  const prompt = model.tokenize(
    "A list of fruits that grow in the north of the country, in the order of their names:",
  );
  const power = { alpha: 4, maxTokens: 6, blockTokens: 3, steps: 2, seed: 5 };
  const best = { n: 3, maxTokens: 4, seed: 2 };
  const texts: unknown[] = [];
  for (const round of [0, 1]) {
    await using context = await model.createContext({
      contextSize: 256,
      sequences: 1,
      threads: 1,
    });
    const attached = await cache.attach(context.getSequence());
    const restored = await attached.restore(prompt.slice(0, -1));
    // What the first context has evaluated, the second one finds in the store.
    expect(restored.restoredTokens).toBe(round === 0 ? 0 : prompt.length - 1);
    // Both go on from the same split: llama.cpp rounds differently when it evaluates all at once.
    if (round === 0)
      await attached.sequence.evaluateWithoutGeneratingNewTokens(prompt.slice(0, -1) as never[]);
    const generator = suffixGenerator(attached.sequence as unknown as MeasurableSequence);
    const sample = await powerSample(generator, prompt, power);
    expect(sample.proposed).toBe(4);
    // Only what was taken back is evaluated again: the prompt stays where it is.
    expect(attached.lastReuse?.reusedTokens).toBeGreaterThanOrEqual(prompt.length - 1);
    const { chosen, candidates } = await bestOfN(generator, prompt, best);
    expect(candidates).toHaveLength(3);
    expect(chosen.rating).toBe(Math.max(...candidates.map(({ rating }) => rating)));
    texts.push([sample.tokens, chosen.tokens].map((all) => all.map(({ token }) => token)));
    await attached.keep();
    await cache.settled();
  }
  expect(texts[1]).toEqual(texts[0]);
}, 360_000);
