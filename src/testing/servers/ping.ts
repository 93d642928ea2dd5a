import { connect } from "node:net";

/**
 * Whether a RESP server at this loopback port answers PING: `true` also when it wants a password
 * first. `undefined` when it does not answer (yet).
 */
export function answersPing(port: number, timeoutMs = 1000): Promise<true | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let reply = "";
    const end = (answer: true | undefined) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(timeoutMs, () => end(undefined));
    socket.on("error", () => end(undefined));
    socket.on("close", () => end(undefined));
    socket.on("connect", () => socket.write("PING\r\n"));
    socket.on("data", (chunk) => {
      reply += chunk.toString("latin1");
      if (reply.includes("\r\n")) end(/^(\+PONG|-NOAUTH)/.test(reply) ? true : undefined);
    });
  });
}
