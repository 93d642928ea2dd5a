import { createHash, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { KeepwarmError } from "../../errors.ts";
import type { Logger } from "../../observe/logger.ts";
import type { ChatEngine } from "./engine.ts";
import { ChatProblem } from "./problem.ts";
import { Reply } from "./reply.ts";
import { type ChatRequest, readRequest } from "./request.ts";
import { Turns } from "./turns.ts";

const mostBodyBytes = 4 * 1024 ** 2;

export interface ChatServerOptions {
  readonly engine: ChatEngine;
  /** The model's name, for clients. */
  readonly model: string;
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** Requests that may wait for others to be answered. */
  readonly queue: number;
  /** What clients have to show as a bearer token. Default: nothing. */
  readonly apiKey?: string | undefined;
  readonly logger: Logger;
}

/** Chats by OpenAI's HTTP API: enough of it for usual clients. */
export class ChatServer {
  readonly #options: ChatServerOptions;
  readonly #turns: Turns;
  readonly #server: Server;
  readonly #closing = new AbortController();
  readonly #started = Math.floor(Date.now() / 1000);

  private constructor(options: ChatServerOptions) {
    this.#options = options;
    this.#turns = new Turns(options.engine.width, options.queue);
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  /** @throws KeepwarmError `LISTEN_FAILED` */
  static async listen(options: ChatServerOptions): Promise<ChatServer> {
    const server = new ChatServer(options);
    const { host, port } = options;
    try {
      server.#server.listen(port, host);
      await once(server.#server, "listening");
    } catch (cause) {
      throw new KeepwarmError("LISTEN_FAILED", `cannot listen on ${host}:${port}`, {
        cause,
        remedy: "Choose another --port, or 0 for any that is free.",
      });
    }
    return server;
  }

  get url(): string {
    const { address, port, family } = this.#server.address() as AddressInfo;
    return `http://${family === "IPv6" ? `[${address}]` : address}:${port}`;
  }

  /** Takes no more requests and ends the answers that are being made. */
  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#closing.abort(new ChatProblem(503, "the server is going down"));
    this.#server.closeIdleConnections();
    const timer = setTimeout(() => this.#server.closeAllConnections(), 2000);
    await closed;
    clearTimeout(timer);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once("close", () => gone.abort(new Error("the client has gone")));
    const signal = AbortSignal.any([gone.signal, this.#closing.signal]);
    try {
      await this.#route(request, response, signal);
    } catch (error) {
      this.#fail(response, error);
    }
  }

  async #route(
    request: IncomingMessage,
    response: ServerResponse,
    signal: AbortSignal,
  ): Promise<void> {
    const path = (request.url ?? "").replace(/[?#].*/, "").replace(/\/$/, "");
    if (!isAllowed(request, this.#options.apiKey))
      throw new ChatProblem(401, "the API key is missing or wrong", { code: "invalid_api_key" });
    const method = path === "/v1/chat/completions" ? "POST" : "GET";
    const isModel = path === `/v1/models/${encodeURIComponent(this.#options.model)}`;
    if (!isModel && !["/v1/chat/completions", "/v1/models", "/health"].includes(path))
      throw new ChatProblem(404, `there is no ${path}; there is /v1/chat/completions`, {
        code: "not_found",
      });
    if (request.method !== method)
      throw new ChatProblem(405, `${path} takes ${method}`, { code: "method_not_allowed" });
    if (isModel) send(response, 200, this.#model());
    else if (path === "/v1/models") send(response, 200, { object: "list", data: [this.#model()] });
    else if (path === "/health") send(response, 200, { status: "ok" });
    else await this.#chat(readRequest(await readBody(request)), response, signal);
  }

  async #chat(request: ChatRequest, response: ServerResponse, signal: AbortSignal): Promise<void> {
    const { model, engine } = this.#options;
    if (request.model !== undefined && request.model !== model)
      throw new ChatProblem(404, `there is no model ${request.model}; there is ${model}`, {
        param: "model",
        code: "model_not_found",
      });
    const reply = new Reply(model);
    // An answer that fails before it says anything is still an error with its status.
    const onText = (text: string): void => {
      if (!request.stream) return;
      if (!response.headersSent) beginStream(response, reply);
      event(response, reply.piece({ content: text }));
    };
    const outcome = await this.#turns.take(signal, (slot) =>
      engine.answer(request, slot, { signal, onText }),
    );
    if (!request.stream) return send(response, 200, reply.completion(outcome));
    if (!response.headersSent) beginStream(response, reply);
    event(response, reply.end(outcome));
    if (request.streamUsage) event(response, reply.usage(outcome));
    response.end("data: [DONE]\n\n");
  }

  #model(): object {
    return { id: this.#options.model, object: "model", created: this.#started, owned_by: "local" };
  }

  #fail(response: ServerResponse, error: unknown): void {
    if (response.destroyed) return;
    const problem =
      error instanceof ChatProblem ? error : new ChatProblem(500, "the answer could not be made");
    if (problem !== error) this.#options.logger.error({ error: String(error) }, "a chat failed");
    if (!response.headersSent) return send(response, problem.status, problem.body);
    event(response, problem.body);
    response.end();
  }
}

function beginStream(response: ServerResponse, reply: Reply): void {
  response.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-cache",
  });
  event(response, reply.piece({ role: "assistant", content: "" }));
}

function event(response: ServerResponse, data: object): void {
  response.write(`data: ${JSON.stringify(data)}\n\n`);
}

function send(response: ServerResponse, status: number, body: object): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    ...((status === 413 || status === 503) && { connection: "close" }),
  });
  response.end(text);
}

/** A page in a browser can send other kinds to loopback without asking. */
function checkKind({ headers }: IncomingMessage): void {
  if (!/^application\/json\b/i.test(headers["content-type"] ?? ""))
    throw new ChatProblem(415, "the content-type must be application/json");
  if (Number(headers["content-length"] ?? 0) > mostBodyBytes) throw tooLong();
}

function tooLong(): ChatProblem {
  return new ChatProblem(413, `the body is longer than ${mostBodyBytes} bytes`);
}

async function readBody(request: IncomingMessage): Promise<string> {
  checkKind(request);
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > mostBodyBytes) throw tooLong();
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

function isAllowed({ headers }: IncomingMessage, apiKey: string | undefined): boolean {
  if (apiKey === undefined) return true;
  return timingSafeEqual(digest(headers.authorization ?? ""), digest(`Bearer ${apiKey}`));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
