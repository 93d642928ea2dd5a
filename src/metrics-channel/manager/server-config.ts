import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ManagedEndpoint } from "./options.ts";

/**
 * Writes the configuration of a server that serves `endpoint`, keeps nothing on disk and shows its
 * password to nobody.
 *
 * @returns The file's path.
 */
export async function writeServerConfig(
  folder: string,
  endpoint: ManagedEndpoint,
): Promise<string> {
  const { host, port, path, tls, certificate, username, password, database } = endpoint;
  const lines = [
    `dir ${quoted(folder)}`,
    'save ""',
    "appendonly no",
    "daemonize no",
    `databases ${Math.max(16, database + 1)}`,
    `bind ${host === "::1" ? "::1" : host.startsWith("127.") ? host : "127.0.0.1"}`,
    `port ${path === undefined && !tls ? port : 0}`,
  ];
  if (path !== undefined) lines.push(`unixsocket ${quoted(path)}`, "unixsocketperm 700");
  else if (tls && certificate !== undefined) {
    lines.push(`tls-port ${port}`);
    lines.push(`tls-auth-clients ${certificate.ca === undefined ? "no" : "yes"}`);
    const { cert, key, ca } = certificate;
    for (const [name, pem] of Object.entries({ cert, key, "ca-cert": ca ?? cert })) {
      const file = join(folder, `${name}.pem`);
      await writeFile(file, pem, { mode: 0o600 });
      lines.push(`tls-${name}-file ${quoted(file)}`);
    }
  }
  if (password !== undefined) {
    const hash = createHash("sha256").update(password).digest("hex");
    lines.push(`user ${username ?? "default"} on #${hash} ~* &* +@all`);
    if (username !== undefined && username !== "default") lines.push("user default off");
  }
  const file = join(folder, "server.conf");
  await writeFile(file, `${lines.join("\n")}\n`, { mode: 0o600 });
  return file;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
