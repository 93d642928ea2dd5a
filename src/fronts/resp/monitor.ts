import type { Request } from "../../wire/resp/request.ts";
import type { Command } from "./command.ts";
import type { Session } from "./session.ts";
import { shortArguments } from "./slow-log.ts";

/** Shows the request to every client in MONITOR mode, as one line; long values are cut. */
export function feedMonitors(session: Session, command: Command, request: Request): void {
  if (command.has("admin") || command.name === "auth" || command.name === "hello") return;
  const { front } = session;
  const at = (front.now() / 1000).toFixed(6);
  const words = shortArguments(request).map(quoted).join(" ");
  const line = Buffer.from(
    `+${at} [${session.keyspace} ${session.connection.address}] ${words}\r\n`,
  );
  for (const monitor of front.monitors) monitor.connection.send(line);
}

function quoted(text: string): string {
  let result = '"';
  for (const character of text) {
    const code = character.charCodeAt(0);
    if (character === '"' || character === "\\") result += `\\${character}`;
    else if (character === "\n") result += "\\n";
    else if (character === "\r") result += "\\r";
    else if (character === "\t") result += "\\t";
    else if (code < 0x20 || code > 0x7e) result += `\\x${code.toString(16).padStart(2, "0")}`;
    else result += character;
  }
  return `${result}"`;
}
