import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { connectResp } from "../../backends/valkey/client.ts";
import type { RespConnection } from "../../backends/valkey/connection.ts";
import type { TlsOptions } from "../../backends/valkey/read-socket.ts";
import { type RespAddress, parseRespUrl } from "../../backends/valkey/url.ts";
import { KeepwarmError } from "../../errors.ts";
import { parseDuration } from "../../util/units.ts";
import type { CliIo } from "../io.ts";
import type { ClientFlags } from "../options.ts";

const defaultUrl = "redis://127.0.0.1:6379";

/** The server that flags or environment name. */
function serverUrl(flags: ClientFlags, io: CliIo): string {
  return flags.url ?? (io.env["KEEPWARM_URL"] || defaultUrl);
}

/** Connects as the flags say; the password comes from the URL or KEEPWARM_PASSWORD. */
export async function connectServer(flags: ClientFlags, io: CliIo): Promise<RespConnection> {
  const url = serverUrl(flags, io);
  const inUrl = URL.canParse(url) && new URL(url).password !== "";
  return connectResp(url, {
    deadlineMs: parseDuration(flags.timeout ?? "10s"),
    tls: tlsOptions(flags, io),
    signal: io.signal,
    ...(inUrl ? {} : { password: io.env["KEEPWARM_PASSWORD"] || undefined }),
  });
}

/** Connects, runs, and closes whatever happens. */
export async function withServer<T>(
  flags: ClientFlags,
  io: CliIo,
  run: (connection: RespConnection) => Promise<T>,
): Promise<T> {
  const connection = await connectServer(flags, io);
  try {
    return await run(connection);
  } finally {
    await connection.close();
  }
}

/** Address, password and certificates of the server, for what needs a connection of its own kind. */
export function serverAddress(
  flags: ClientFlags,
  io: CliIo,
): { readonly address: RespAddress; readonly tls: TlsOptions } {
  const address = parseRespUrl(serverUrl(flags, io));
  const password = address.password ?? (io.env["KEEPWARM_PASSWORD"] || undefined);
  return { address: { ...address, password }, tls: tlsOptions(flags, io) };
}

function tlsOptions(flags: ClientFlags, io: CliIo): TlsOptions {
  const pem = (file: string | undefined, flag: string) => {
    if (file === undefined) return undefined;
    try {
      return readFileSync(resolve(io.cwd, file));
    } catch (error) {
      throw new KeepwarmError("INPUT_INVALID", `${flag}: ${(error as Error).message}`, {
        cause: error,
        remedy: "Name a readable PEM file.",
      });
    }
  };
  const [ca, cert, key] = [
    pem(flags.tlsCa, "--tls-ca"),
    pem(flags.tlsCert, "--tls-cert"),
    pem(flags.tlsKey, "--tls-key"),
  ];
  return {
    ...(ca ? { ca } : {}),
    ...(cert ? { cert } : {}),
    ...(key ? { key } : {}),
    ...(flags.insecure ? { rejectUnauthorized: false } : {}),
  };
}
