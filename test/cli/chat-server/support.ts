import { onTestFinished } from "vitest";
import type {
  AnswerOptions,
  ChatEngine,
  ChatOutcome,
} from "../../../src/cli/chat-server/engine.ts";
import type { ChatRequest } from "../../../src/cli/chat-server/request.ts";
import { ChatServer, type ChatServerOptions } from "../../../src/cli/chat-server/server.ts";
import { silentLogger } from "../../../src/observe/logger.ts";

/** An engine whose answers the test makes. */
export class FakeEngine implements ChatEngine {
  readonly width: number;
  readonly requests: ChatRequest[] = [];
  readonly slots: number[] = [];
  readonly #answer: (request: ChatRequest, options: AnswerOptions) => Promise<ChatOutcome>;

  constructor(
    answer: (request: ChatRequest, options: AnswerOptions) => Promise<ChatOutcome>,
    width = 1,
  ) {
    this.#answer = answer;
    this.width = width;
  }

  async answer(request: ChatRequest, slot: number, options: AnswerOptions): Promise<ChatOutcome> {
    this.requests.push(request);
    this.slots.push(slot);
    return this.#answer(request, options);
  }
}

export const outcome: ChatOutcome = {
  text: "Hello, world",
  finish: "stop",
  promptTokens: 20,
  cachedTokens: 16,
  completionTokens: 3,
};

/** Says its answer in two pieces. */
export async function sayHello(_: ChatRequest, { onText }: AnswerOptions): Promise<ChatOutcome> {
  onText("Hello, ");
  onText("world");
  return outcome;
}

/** Answers that end when the test says so, or when they are aborted; `begun` counts them. */
export class HeldAnswers {
  begun = 0;
  aborted = 0;
  readonly #finish: (() => void)[] = [];

  readonly answer = async (_: ChatRequest, { signal }: AnswerOptions): Promise<ChatOutcome> => {
    this.begun++;
    await new Promise<void>((resolve, reject) => {
      this.#finish.push(resolve);
      signal.addEventListener("abort", () => {
        this.aborted++;
        reject(signal.reason as Error);
      });
    });
    return outcome;
  };

  finishOne(): void {
    this.#finish.shift()?.();
  }

  finishLast(): void {
    this.#finish.pop()?.();
  }
}

export async function listen(
  engine: ChatEngine,
  options: Partial<ChatServerOptions> = {},
): Promise<ChatServer> {
  const server = await ChatServer.listen({
    engine,
    model: "tiny",
    host: "127.0.0.1",
    port: 0,
    queue: 1,
    logger: silentLogger,
    ...options,
  });
  onTestFinished(() => server.close());
  return server;
}

export function ask(
  { url }: { readonly url: string },
  body: object | string,
  options: RequestInit = {},
): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: typeof body === "string" ? body : JSON.stringify(body),
    ...options,
  });
}

export const hi = { messages: [{ role: "user", content: "Hi" }] };

/** The data of a reply's events. */
export async function eventsOf(response: Response): Promise<unknown[]> {
  const text = await response.text();
  return text
    .split("\n\n")
    .filter((line) => line !== "")
    .map((line) => line.replace(/^data: /, ""))
    .map((data): unknown => (data === "[DONE]" ? data : JSON.parse(data)));
}
