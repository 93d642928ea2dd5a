import { connectResp, type ConnectOptions } from "../../backends/valkey/client.ts";
import type { RespConnection } from "../../backends/valkey/connection.ts";

/** Runs something on a connection that lives as long. */
export async function withConnection<T>(
  url: string,
  use: (connection: RespConnection) => Promise<T>,
  options: ConnectOptions = {},
): Promise<T> {
  const connection = await connectResp(url, { deadlineMs: 5000, ...options });
  try {
    return await use(connection);
  } finally {
    await connection.close();
  }
}
