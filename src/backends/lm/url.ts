import { KeepwarmError } from "../../errors.ts";

/** Where an lm server is. */
export interface LmAddress {
  readonly host: string;
  readonly port: number;
  /** The URL, for messages. */
  readonly label: string;
}

const DEFAULT_PORT = 65_432;

/**
 * Reads `lm://host:port`; the port is 65432 unless given.
 *
 * @throws KeepwarmError `INPUT_INVALID`
 */
export function parseLmUrl(text: string): LmAddress {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const rest = url && `${url.username}${url.password}${url.pathname}${url.search}${url.hash}`;
  if (url?.protocol !== "lm:" || url.hostname === "" || (rest !== "" && rest !== "/"))
    throw new KeepwarmError("INPUT_INVALID", `${JSON.stringify(text)} is no lm:// URL`, {
      remedy: "Write lm://host:65432; there are no credentials and no databases.",
    });
  const port = url.port === "" ? DEFAULT_PORT : Number(url.port);
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  return { host, port, label: `lm://${url.hostname}:${port}` };
}
