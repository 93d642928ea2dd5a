import { connectResp, type ConnectOptions } from "../../../src/backends/valkey/client.ts";

/** Takes `ms` off the time that the server's keys have left, as if it had passed. */
export async function passTime(
  url: string,
  ms: number,
  options: ConnectOptions = {},
): Promise<void> {
  const connection = await connectResp(url, options);
  try {
    const names = (await connection.command(["KEYS", "*"])) as Buffer[];
    for (const name of names) {
      const left = Number(await connection.command(["PTTL", name]));
      if (left >= 0) await connection.command(["PEXPIRE", name, String(Math.max(left - ms, 0))]);
    }
  } finally {
    await connection.close();
  }
}
