import type { ChatItem } from "../inference/runtime.ts";
import { ChatProblem } from "./problem.ts";

/** What is wanted of the model. */
export interface ChatRequest {
  readonly model: string | undefined;
  readonly messages: readonly ChatItem[];
  readonly stream: boolean;
  /** Whether a stream ends with the count of tokens. */
  readonly streamUsage: boolean;
  readonly maxTokens: number | undefined;
  readonly temperature: number;
  readonly topP: number;
  readonly seed: number | undefined;
  readonly stop: readonly string[];
}

type Fields = Readonly<Record<string, unknown>>;

/** What this server does not do, and what of it means nothing and is let pass. */
const unsupported: Readonly<Record<string, (value: unknown) => boolean>> = {
  n: (value) => value === 1,
  tools: (value) => Array.isArray(value) && value.length === 0,
  functions: (value) => Array.isArray(value) && value.length === 0,
  logprobs: (value) => value === false,
  audio: () => false,
  logit_bias: (value) => isFields(value) && Object.keys(value).length === 0,
  response_format: (value) => isFields(value) && value["type"] === "text",
};

/** Other names of the roles that models know. */
const roles: Readonly<Record<string, "system" | "user" | "model">> = {
  system: "system",
  developer: "system",
  user: "user",
  assistant: "model",
};

/** @throws ChatProblem for a body that is no chat, or wants what is not there */
export function readRequest(body: string): ChatRequest {
  const fields = parse(body);
  for (const [name, isNothing] of Object.entries(unsupported)) {
    const value = fields[name];
    if (value !== undefined && value !== null && !isNothing(value))
      throw wrong(name, `${name} is not supported by this server`, "unsupported_parameter");
  }
  const { messages, stream = false, stream_options: options, model } = fields;
  if (!Array.isArray(messages) || messages.length === 0)
    throw wrong("messages", "messages must be a list of at least one message");
  if (typeof stream !== "boolean") throw wrong("stream", "stream must be true or false");
  if (model !== undefined && typeof model !== "string") throw wrong("model", "model must be text");
  return {
    model,
    messages: messages.map(readMessage),
    stream,
    streamUsage: isFields(options) && options["include_usage"] === true,
    maxTokens:
      number(fields, "max_completion_tokens", 1, 2 ** 31, true) ??
      number(fields, "max_tokens", 1, 2 ** 31, true),
    temperature: number(fields, "temperature", 0, 2) ?? 1,
    topP: number(fields, "top_p", 0, 1) ?? 1,
    seed: number(fields, "seed", 0, 2 ** 32 - 1, true),
    stop: readStop(fields["stop"]),
  };
}

function parse(body: string): Fields {
  let fields: unknown;
  try {
    fields = JSON.parse(body);
  } catch {
    throw new ChatProblem(400, "the body is not JSON");
  }
  if (!isFields(fields)) throw new ChatProblem(400, "the body must be a JSON object");
  return fields;
}

function readMessage(message: unknown, index: number): ChatItem {
  const at = `messages[${index}]`;
  if (!isFields(message)) throw wrong(at, `${at} must be an object`);
  const { role, content } = message;
  const type = typeof role === "string" && Object.hasOwn(roles, role) ? roles[role] : undefined;
  if (type === undefined)
    throw wrong(`${at}.role`, `${at}.role must be one of ${Object.keys(roles).join(", ")}`);
  const text = readContent(content, `${at}.content`);
  return type === "model" ? { type, response: [text] } : { type, text };
}

function readContent(content: unknown, at: string): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) throw wrong(at, `${at} must be text, or a list of parts of it`);
  return content
    .map((part: unknown) => {
      if (isFields(part) && part["type"] === "text" && typeof part["text"] === "string")
        return part["text"];
      throw wrong(at, `${at} may have parts of the type text only`);
    })
    .join("");
}

function readStop(stop: unknown): readonly string[] {
  if (stop === undefined || stop === null) return [];
  const list: unknown[] = Array.isArray(stop) ? stop : [stop];
  if (list.length > 4 || !list.every((each) => typeof each === "string" && each !== ""))
    throw wrong("stop", "stop must be text, or a list of at most 4 texts");
  return list as string[];
}

function number(
  fields: Fields,
  name: string,
  least: number,
  most: number,
  isWhole = false,
): number | undefined {
  const value = fields[name] ?? undefined;
  if (value === undefined) return undefined;
  const isRight = typeof value === "number" && value >= least && value <= most;
  if (isRight && (!isWhole || Number.isInteger(value))) return value;
  const kind = isWhole ? "a whole number" : "a number";
  throw wrong(name, `${name} must be ${kind} from ${least} to ${most}`);
}

function wrong(param: string, message: string, code: string = "invalid_value"): ChatProblem {
  return new ChatProblem(400, message, { param, code });
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
