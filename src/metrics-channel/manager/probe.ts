import { connectAddress } from "../../backends/valkey/client.ts";
import { isKeepwarmError, type KeepwarmError } from "../../errors.ts";
import { replyText } from "../../wire/resp/reply.ts";
import type { ManagedEndpoint } from "./options.ts";

const deadlineMs = 1000;

/**
 * Why no server answers PING at the endpoint; nothing when one does.
 *
 * @throws KeepwarmError `REPLY`, `PROTOCOL`: something is there, and cannot be used.
 */
export async function silenceAt(endpoint: ManagedEndpoint): Promise<KeepwarmError | undefined> {
  try {
    const connection = await connectAddress(endpoint, { deadlineMs, tls: endpoint.tlsOptions });
    await connection.close();
    return undefined;
  } catch (error) {
    if (isKeepwarmError(error, "CONNECTION_FAILED") || isKeepwarmError(error, "TIMEOUT"))
      return error;
    throw error;
  }
}

/** The process id that the server at the endpoint says it has; nothing when none answers. */
export async function processAt(endpoint: ManagedEndpoint): Promise<number | undefined> {
  try {
    const connection = await connectAddress(endpoint, { deadlineMs, tls: endpoint.tlsOptions });
    try {
      const info = replyText(await connection.command(["INFO", "server"])) ?? "";
      return Number(/^process_id:(\d+)/m.exec(info)?.[1]);
    } finally {
      await connection.close();
    }
  } catch {
    return undefined;
  }
}
