import { once } from "node:events";
import { isIP } from "node:net";
import { basename } from "node:path";
import { KeepwarmError } from "../../errors.ts";
import { type Logger, silentLogger } from "../../observe/logger.ts";
import { ExitCode } from "../exit-code.ts";
import { example, outputOptions } from "../options.ts";
import type { OutputFlags } from "../output.ts";
import { parseCount } from "../parse.ts";
import type { DefineVerb, VerbContext } from "../verb.ts";

interface ChatServerFlags extends OutputFlags {
  readonly model?: string;
  readonly name?: string;
  readonly store?: string;
  readonly host: string;
  readonly port: string;
  readonly contextSize: string;
  readonly sequences: string;
  readonly queue: string;
  readonly threads?: string;
}

/** Memory for blocks when no store is named. */
const ramBytes = 1024 ** 3;

export const define: DefineVerb = (command, bind) => {
  outputOptions(
    command
      .option("--model <file>", "a GGUF file (default: a small model, got once, 93 MB)")
      .option("--name <name>", "the model's name for clients (default: from its file)")
      .option("--store <url>", "the store, to be shared (default: 1 GiB of own memory)")
      .option(
        "--host <address>",
        "listen here; beyond loopback KEEPWARM_CHAT_API_KEY must be set",
        "127.0.0.1",
      )
      .option("--port <n>", "0: any that is free", "8080")
      .option("--context-size <n>", "tokens of a chat, answer included", "4096")
      .option("--sequences <n>", "chats answered at the same time", "1")
      .option("--queue <n>", "requests that may wait; others get 429", "16")
      .option("--threads <n>", "threads that compute (default: one less than cores)"),
  ).action(bind(run));
  example(command, "keepwarm chat-server --model model.gguf --store valkey://127.0.0.1:6379");
};

async function run(context: VerbContext, flags: ChatServerFlags): Promise<ExitCode> {
  const { io, out } = context;
  const apiKey = io.env["KEEPWARM_CHAT_API_KEY"] || undefined;
  if (apiKey === undefined && !isLoopback(flags.host))
    throw new KeepwarmError("LISTEN_FAILED", `${flags.host} can be reached by others`, {
      remedy: "Set KEEPWARM_CHAT_API_KEY, which clients then have to show, or listen on 127.0.0.1.",
    });
  const [contextSize, sequences, queue, port] = [
    parseCount(flags.contextSize, "--context-size", 64),
    parseCount(flags.sequences, "--sequences", 1),
    parseCount(flags.queue, "--queue"),
    parseCount(flags.port, "--port"),
  ];
  const threads =
    flags.threads === undefined ? undefined : parseCount(flags.threads, "--threads", 1);
  const { obtainLlamaRuntime } = await import("../../models/llama-runtime.ts");
  const { RamStore } = await import("../../tiers/ram-store.ts");
  const { chooseModel } = await import("../inference/obtain-model.ts");
  const { LlamaEngine } = await import("../chat-server/llama-engine.ts");
  const { ChatServer } = await import("../chat-server/server.ts");
  const { checkStoreUrl, shownUrl } = await import("../inference/store-url.ts");
  checkStoreUrl(flags.store);
  const model = await chooseModel(context, flags);
  const runtime = await obtainLlamaRuntime({ onProgress: (line) => out.note(line) });
  const store = flags.store ?? new RamStore({ capacityBytes: ramBytes });
  const options = { runtime, modelPath: model.path, contextSize, sequences, threads, store };
  await using engine = await LlamaEngine.open(options);
  if (engine.declined !== undefined) out.warn(`nothing is kept: ${engine.declined}`);
  const name =
    flags.name ??
    basename(model.name)
      .replace(/\.gguf$/i, "")
      .replace(/ .*/, "");
  const { host } = flags;
  const logger = loggerTo(out);
  const server = await ChatServer.listen({
    engine,
    model: name,
    host,
    port,
    queue,
    apiKey,
    logger,
  });
  out.result({ event: "ready", url: `${server.url}/v1`, model: name, pid: process.pid }, () =>
    [
      `chat     ${server.url}/v1/chat/completions`,
      `model    ${name}`,
      `store    ${flags.store === undefined ? "memory of this process" : shownUrl(flags.store)}`,
      out.paint("green", "ready"),
    ].join("\n"),
  );
  const stop = new AbortController();
  process.once("SIGTERM", () => stop.abort());
  io.signal.addEventListener("abort", () => stop.abort());
  if (!io.signal.aborted) await once(stop.signal, "abort");
  await server.close();
  return ExitCode.ok;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

/** What goes wrong inside is for whoever runs the server, not for its clients. */
function loggerTo(out: VerbContext["out"]): Logger {
  const tell = (fields: object, message: string): void =>
    out.warn(`${message}: ${JSON.stringify(fields)}`);
  return { ...silentLogger, warn: tell, error: tell };
}
