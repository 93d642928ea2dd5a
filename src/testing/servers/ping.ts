import { connect as connectTcp } from "node:net";
import { connect as connectTls } from "node:tls";

export interface PingOptions {
  /** Milliseconds to wait for the answer. Default 1000. */
  readonly timeoutMs?: number;
  /** Speaks TLS, with this authority and, as client, this certificate. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string } | undefined;
}

/**
 * Whether a RESP server at this loopback port answers PING: `true` also when it wants a password
 * first. `undefined` when it does not answer (yet).
 */
export function answersPing(
  port: number,
  { timeoutMs = 1000, tls }: PingOptions = {},
): Promise<true | undefined> {
  return new Promise((resolve) => {
    const host = "127.0.0.1";
    const socket =
      tls === undefined ? connectTcp(port, host) : connectTls({ host, port, ...pick(tls) });
    let reply = "";
    const end = (answer: true | undefined) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeoutMs, () => end(undefined));
    socket.on("error", () => end(undefined));
    socket.on("close", () => end(undefined));
    socket.on(tls === undefined ? "connect" : "secureConnect", () => socket.write("PING\r\n"));
    socket.on("data", (chunk) => {
      reply += chunk.toString("latin1");
      if (reply.includes("\r\n")) end(/^(\+PONG|-NOAUTH)/.test(reply) ? true : undefined);
    });
  });
}

function pick({ ca, cert, key }: { ca: string; cert: string; key: string }) {
  return { ca, cert, key };
}
