import { once } from "node:events";
import { describe, expect, test, vi } from "vitest";
import { Turns } from "../../../src/cli/chat-server/turns.ts";
import {
  ask,
  eventsOf,
  FakeEngine,
  HeldAnswers,
  hi,
  listen,
  outcome,
  sayHello,
} from "./support.ts";

const usage = {
  prompt_tokens: 20,
  completion_tokens: 3,
  total_tokens: 23,
  prompt_tokens_details: { cached_tokens: 16 },
};

test("a chat is answered whole, with how many tokens were cached", async () => {
  const response = await ask(await listen(new FakeEngine(sayHello)), hi);
  expect(response.status).toBe(200);
  expect(await response.json()).toMatchObject({
    id: expect.stringMatching(/^chatcmpl-/) as string,
    object: "chat.completion",
    model: "tiny",
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: "Hello, world" },
        finish_reason: "stop",
      },
    ],
    usage,
  });
});

test("a stream has the role, the pieces, the end, the usage if asked for, and [DONE]", async () => {
  const server = await listen(new FakeEngine(sayHello));
  const body = { ...hi, model: "tiny", stream: true, stream_options: { include_usage: true } };
  const response = await ask(server, body);
  expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/);
  const events = await eventsOf(response);
  expect(events).toMatchObject([
    { object: "chat.completion.chunk", choices: [{ delta: { role: "assistant", content: "" } }] },
    { choices: [{ delta: { content: "Hello, " }, finish_reason: null }] },
    { choices: [{ delta: { content: "world" }, finish_reason: null }] },
    { choices: [{ delta: {}, finish_reason: "stop" }] },
    { choices: [], usage },
    "[DONE]",
  ]);
  expect(new Set(events.slice(0, -1).map((event) => (event as { id: string }).id)).size).toBe(1);
});

test("a stream without include_usage ends with the reason", async () => {
  const events = await eventsOf(
    await ask(await listen(new FakeEngine(sayHello)), { ...hi, stream: true }),
  );
  expect(events).toHaveLength(5);
  expect(events.at(-1)).toBe("[DONE]");
});

test("what clients ask for reaches the engine", async () => {
  const engine = new FakeEngine(sayHello);
  await ask(await listen(engine), {
    messages: [
      { role: "developer", content: "Be brief." },
      {
        role: "user",
        content: [
          { type: "text", text: "Hi " },
          { type: "text", text: "there" },
        ],
      },
      { role: "assistant", content: "Hello" },
      { role: "user", content: "Again" },
    ],
    max_completion_tokens: 7,
    max_tokens: 9,
    temperature: 0,
    top_p: 0.5,
    seed: 4,
    stop: "END",
    n: 1,
    tools: [],
  });
  expect(engine.requests).toEqual([
    {
      model: undefined,
      messages: [
        { type: "system", text: "Be brief." },
        { type: "user", text: "Hi there" },
        { type: "model", response: ["Hello"] },
        { type: "user", text: "Again" },
      ],
      stream: false,
      streamUsage: false,
      maxTokens: 7,
      temperature: 0,
      topP: 0.5,
      seed: 4,
      stop: ["END"],
    },
  ]);
});

test("models are listed, and one is described", async () => {
  const { url } = await listen(new FakeEngine(sayHello));
  const tiny = { id: "tiny", object: "model", owned_by: "local" };
  const list = await fetch(`${url}/v1/models`);
  expect(await list.json()).toMatchObject({ object: "list", data: [tiny] });
  expect(await (await fetch(`${url}/v1/models/tiny`)).json()).toMatchObject(tiny);
  expect(await (await fetch(`${url}/health`)).json()).toEqual({ status: "ok" });
});

describe("errors have OpenAI's shape", () => {
  const message = { role: "user", content: "Hi" };
  test.each([
    ["no JSON", "{", 400, { param: null }],
    ["no object", "[]", 400, { param: null }],
    ["no messages", {}, 400, { param: "messages" }],
    [
      "an unknown role",
      { messages: [{ role: "cat", content: "" }] },
      400,
      { param: "messages[0].role" },
    ],
    [
      "a picture",
      { messages: [{ role: "user", content: [{ type: "image_url" }] }] },
      400,
      { param: "messages[0].content" },
    ],
    ["a temperature of 3", { messages: [message], temperature: 3 }, 400, { param: "temperature" }],
    ["half a token", { messages: [message], max_tokens: 0.5 }, 400, { param: "max_tokens" }],
    [
      "five stops",
      { messages: [message], stop: ["a", "b", "c", "d", "e"] },
      400,
      { param: "stop" },
    ],
    [
      "two choices",
      { messages: [message], n: 2 },
      400,
      { param: "n", code: "unsupported_parameter" },
    ],
    [
      "tools",
      { messages: [message], tools: [{}] },
      400,
      { param: "tools", code: "unsupported_parameter" },
    ],
    [
      "another model",
      { messages: [message], model: "gpt" },
      404,
      { param: "model", code: "model_not_found" },
    ],
    ["5 MiB", " ".repeat(5 * 1024 ** 2), 413, {}],
  ])("for %s", async (_, body, status, error) => {
    const engine = new FakeEngine(sayHello);
    const response = await ask(await listen(engine), body);
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({
      error: { type: "invalid_request_error", message: expect.any(String) as string, ...error },
    });
    expect(engine.requests).toEqual([]);
  });

  test("for unknown paths, methods and kinds", async () => {
    const server = await listen(new FakeEngine(sayHello));
    const status = async (path: string, options?: RequestInit): Promise<number> =>
      (await fetch(`${server.url}${path}`, options)).status;
    expect(await status("/v1/embeddings", { method: "POST" })).toBe(404);
    expect(await status("/v1/chat/completions")).toBe(405);
    const plain = { headers: { "content-type": "text/plain" } };
    expect((await ask(server, hi, plain)).status).toBe(415);
  });

  test("for an engine that fails, without its words", async () => {
    const engine = new FakeEngine(async ({ messages }, { onText }) => {
      if (messages.length > 1) onText("Well");
      throw new Error("/secret/path");
    });
    const server = await listen(engine);
    const error = { type: "server_error", message: "the answer could not be made" };
    for (const stream of [false, true]) {
      const response = await ask(server, { ...hi, stream });
      expect(response.status).toBe(500);
      expect(await response.json()).toMatchObject({ error });
    }
    const begun = await ask(server, { messages: [...hi.messages, ...hi.messages], stream: true });
    expect(begun.status).toBe(200);
    expect(await eventsOf(begun)).toMatchObject([
      { choices: [{ delta: { role: "assistant" } }] },
      { choices: [{ delta: { content: "Well" } }] },
      { error },
    ]);
  });

  test("for a wrong key", async () => {
    const server = await listen(new FakeEngine(sayHello), { apiKey: "secret" });
    const withKey = (key: string): Promise<Response> =>
      ask(server, hi, {
        headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
      });
    expect((await ask(server, hi)).status).toBe(401);
    expect((await withKey("secre")).status).toBe(401);
    expect((await withKey("secret")).status).toBe(200);
  });
});

test("one request works, one waits, a third is turned down", async () => {
  const held = new HeldAnswers();
  const engine = new FakeEngine(held.answer);
  const server = await listen(engine);
  const first = ask(server, hi);
  await vi.waitUntil(() => held.begun === 1);
  const [second, third] = [ask(server, hi), ask(server, hi)];
  const turnedDown = await Promise.race([second, third]);
  expect(turnedDown.status).toBe(429);
  expect(await turnedDown.json()).toMatchObject({
    error: { type: "rate_limit_error", code: "queue_full" },
  });
  expect(held.begun).toBe(1);
  held.finishOne();
  expect((await first).status).toBe(200);
  await vi.waitUntil(() => held.begun === 2);
  held.finishOne();
  const statuses = (await Promise.all([second, third])).map(({ status }) => status);
  expect(new Set(statuses)).toEqual(new Set([200, 429]));
  expect(engine.slots).toEqual([0, 0]);
});

test("requests work side by side in as many slots as the engine has", async () => {
  const held = new HeldAnswers();
  const engine = new FakeEngine(held.answer, 2);
  const server = await listen(engine);
  const both = [ask(server, hi), ask(server, hi)];
  await vi.waitUntil(() => held.begun === 2);
  expect(new Set(engine.slots)).toEqual(new Set([0, 1]));
  held.finishOne();
  held.finishOne();
  for (const response of await Promise.all(both)) expect(response.status).toBe(200);
});

test("a client that goes ends its answer, and the next is answered", async () => {
  const held = new HeldAnswers();
  const server = await listen(new FakeEngine(held.answer));
  const gone = new AbortController();
  const first = ask(server, hi, { signal: gone.signal }).catch(() => "gone");
  await vi.waitUntil(() => held.begun === 1);
  gone.abort();
  expect(await first).toBe("gone");
  await vi.waitUntil(() => held.aborted === 1);
  const next = ask(server, hi);
  await vi.waitUntil(() => held.begun === 2);
  held.finishLast();
  expect(await (await next).json()).toMatchObject({
    choices: [{ message: { content: outcome.text } }],
  });
});

test("who leaves the queue makes room in it, and takes no slot later", async () => {
  const turns = new Turns(1, 1);
  const never = new AbortController().signal;
  const begun: string[] = [];
  const finish = new AbortController();
  const works = turns.take(never, () => once(finish.signal, "abort"));
  const leaves = new AbortController();
  const left = turns.take(leaves.signal, async () => begun.push("left"));
  await expect(turns.take(never, async () => 0)).rejects.toMatchObject({ status: 429 });
  leaves.abort(new Error("gone"));
  await expect(left).rejects.toThrow("gone");
  const waits = turns.take(never, async (slot) => begun.push(`waited for ${slot}`));
  finish.abort();
  await Promise.all([works, waits]);
  expect(begun).toEqual(["waited for 0"]);
});

test("closing tells those who wait", async () => {
  const held = new HeldAnswers();
  const server = await listen(new FakeEngine(held.answer));
  const answer = ask(server, hi);
  await vi.waitUntil(() => held.begun === 1);
  await server.close();
  expect((await answer).status).toBe(503);
});
