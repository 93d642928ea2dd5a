import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { startRedisServer } from "../../../src/testing/servers/redis-server.ts";
import type { RunningServer } from "../../../src/testing/servers/running-server.ts";
import { eventsOf } from "./support.ts";
import { type Replica, startReplica } from "./replica.ts";

// The first run gets a model of 93 MB; and other tests may take the processor.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 900_000 });

let valkey: RunningServer;
let one: Replica;
let other: Replica;
beforeAll(async () => {
  valkey = await startRedisServer({ engine: "valkey" });
  [one, other] = await Promise.all([startReplica(valkey.url), startReplica(valkey.url)]);
});
afterAll(async () => {
  await one?.stop();
  await other?.stop();
  await valkey?.stop();
});

const about =
  "Farrow Point Light stands on a black rock at the mouth of the river Tessel. The tower is forty-one " +
  "metres high and built of grey granite. Three keepers lived on the rock at a time, each for six weeks.";

interface Answer {
  readonly choices: readonly { readonly message: { readonly content: string } }[];
  readonly usage: {
    readonly prompt_tokens: number;
    readonly completion_tokens: number;
    readonly prompt_tokens_details: { readonly cached_tokens: number };
  };
}

function body(question: string, more: object = {}): string {
  const messages = [{ role: "user", content: `${about}\n\n${question}` }];
  return JSON.stringify({ messages, temperature: 0, max_tokens: 12, ...more });
}

async function chat({ url }: Replica, question: string, more?: object): Promise<Response> {
  const headers = { "content-type": "application/json" };
  const options = { method: "POST", headers, body: body(question, more) };
  return fetch(`${url}/chat/completions`, options);
}

test("what one replica computed the other restores, through one Valkey, and says the same", async () => {
  const cold = (await (await chat(one, "How high is it?")).json()) as Answer;
  expect(cold.usage.prompt_tokens_details.cached_tokens).toBe(0);
  expect(cold.usage.prompt_tokens).toBeGreaterThan(50);
  expect(cold.usage.completion_tokens).toBeGreaterThan(0);
  // It is stored behind the answer.
  const all = cold.usage.prompt_tokens - 1;
  let warm = cold;
  await vi.waitUntil(
    async () => {
      await other.forget();
      warm = (await (await chat(other, "How high is it?")).json()) as Answer;
      return warm.usage.prompt_tokens_details.cached_tokens > 0;
    },
    { timeout: 30_000, interval: 100 },
  );
  expect(warm.usage).toMatchObject({
    prompt_tokens: cold.usage.prompt_tokens,
    prompt_tokens_details: { cached_tokens: all },
  });
  expect(warm.choices[0].message.content).toBe(cold.choices[0].message.content);
});

test("another question shares what stands before it; a stream tells the same", async () => {
  const more = { stream: true, stream_options: { include_usage: true } };
  const events = await eventsOf(await chat(other, "Who lived there?", more));
  const { usage } = events.at(-2) as Answer;
  const { cached_tokens: cached } = usage.prompt_tokens_details;
  expect(cached).toBeGreaterThan(30);
  expect(cached).toBeLessThan(usage.prompt_tokens - 1);
  const text = events.slice(1, -3).map((event) => {
    const { choices } = event as { choices: { delta: { content: string } }[] };
    return choices[0].delta.content;
  });
  expect(text.join("")).not.toBe("");
});

test("a chat that does not fit is an error that says so; an answer ends where the context does", async () => {
  const long = await chat(one, "word ".repeat(600));
  expect(long.status).toBe(400);
  expect(await long.json()).toMatchObject({ error: { code: "context_length_exceeded" } });
  const nearlyFull = await chat(one, "word ".repeat(440), { max_tokens: 500 });
  const { choices, usage } = (await nearlyFull.json()) as {
    choices: { finish_reason: string }[];
    usage: { prompt_tokens: number; total_tokens: number };
  };
  expect(usage.prompt_tokens).toBeGreaterThan(450);
  expect(usage.total_tokens).toBeLessThanOrEqual(511);
  expect(["length", "stop"]).toContain(choices[0].finish_reason);
});
