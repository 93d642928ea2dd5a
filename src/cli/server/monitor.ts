import { EventEmitter, once } from "node:events";
import { openReadSocket, type TlsOptions } from "../../backends/valkey/read-socket.ts";
import type { RespAddress } from "../../backends/valkey/url.ts";
import { KeepwarmError } from "../../errors.ts";
import { ReplyDecoder } from "../../wire/resp/reply-decoder.ts";
import { ReplyError, type Reply, replyText } from "../../wire/resp/reply.ts";
import { encodeRequest } from "../../wire/resp/request-encoder.ts";

/** A request that a server shows. */
export interface SeenRequest {
  /** Seconds since 1970, with microseconds. */
  readonly time: number;
  readonly database: number;
  readonly client: string;
  readonly command: string;
  readonly args: readonly string[];
}

/** How long the server may take to begin, in ms. */
const BEGIN_MS = 10_000;
const line = /^(\d+\.\d+) \[(\d+) ([^\]]*)\] (.*)$/s;

/**
 * Every request that clients send to a RESP server from now on, until `signal` is aborted.
 *
 * @throws KeepwarmError `CONNECTION_FAILED`, `REPLY` when the server refuses
 */
export async function* watchRequests(
  { address, tls }: { readonly address: RespAddress; readonly tls: TlsOptions },
  signal: AbortSignal,
): AsyncGenerator<SeenRequest> {
  const seen: SeenRequest[] = [];
  const bell = new EventEmitter();
  const wake = (): void => void bell.emit("ring");
  let failure: KeepwarmError | undefined;
  let isOn = false;
  const fail = (error: KeepwarmError): void => {
    failure ??= error;
    wake();
  };
  const hear = (reply: Reply): void => {
    if (reply instanceof ReplyError)
      fail(new KeepwarmError("REPLY", `${address.label} refused: ${reply.message}`));
    const request = typeof reply === "object" ? undefined : parseLine(replyText(reply) ?? "");
    isOn ||= request !== undefined;
    if (request === undefined) return;
    // Whoever reads slowly misses some; the server shall not wait.
    if (seen.length < 10_000) seen.push(request);
    wake();
  };
  const socket = openReadSocket(address, tls, decoderFor(hear), {
    received: () => (isOn = true),
    failed: (error) => fail(error as KeepwarmError),
  });
  const timer = setTimeout(() => {
    if (!isOn) fail(new KeepwarmError("TIMEOUT", `${address.label} does not answer`));
  }, BEGIN_MS);
  const lost = (why: string): void =>
    fail(
      new KeepwarmError("CONNECTION_FAILED", `${address.label}: ${why}`, {
        remedy: "Is the server running? Start one with `keepwarm serve`.",
      }),
    );
  socket.on("error", (error) => lost(error.message));
  socket.on("close", () => lost("the server closed the connection"));
  signal.addEventListener("abort", wake);
  const { username = "default", password } = address;
  if (password !== undefined)
    for (const piece of encodeRequest(["AUTH", username, password])) socket.write(piece);
  for (const piece of encodeRequest(["MONITOR"])) socket.write(piece);
  try {
    while (!signal.aborted) {
      yield* seen.splice(0);
      if (failure !== undefined) throw failure;
      if (seen.length > 0 || signal.aborted) continue;
      await once(bell, "ring");
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", wake);
    socket.destroy();
  }
}

function decoderFor(hear: (reply: Reply) => void): ReplyDecoder {
  return new ReplyDecoder({
    reply: hear,
    push: () => {},
    destination: () => undefined,
    landed: () => {},
  });
}

/** A line of MONITOR; nothing for another reply. */
export function parseLine(text: string): SeenRequest | undefined {
  const found = line.exec(text);
  if (found === null) return undefined;
  const [, time, database, client, words] = found;
  const [command = "", ...args] = [...words.matchAll(/"((?:[^"\\]|\\.)*)"/gs)].map(([, word]) =>
    unquoted(word),
  );
  return { time: Number(time), database: Number(database), client, command, args };
}

/** Bytes that are no printable ASCII stay written as `\xff`. */
function unquoted(word: string): string {
  return word.replaceAll(/\\(["\\])/g, "$1");
}
