import { connectAddress } from "../../backends/valkey/client.ts";
import type { RespConnection } from "../../backends/valkey/connection.ts";
import { replyOf } from "../../backends/valkey/reply-failure.ts";
import { isKeepwarmError } from "../../errors.ts";
import type { Findings } from "./finding.ts";
import { isLocal, type Target } from "./target.ts";

/** Connects as the URL says, and tells why not. */
export async function reach(target: Target, found: Findings): Promise<RespConnection | undefined> {
  const { address, settings, deadlineMs, signal } = target;
  const began = performance.now();
  try {
    const connection = await connectAddress(address, { tls: settings.tls, deadlineMs, signal });
    found.ok("reach", `answers after ${Math.round(performance.now() - began)} ms`);
    return connection;
  } catch (error) {
    if (signal.aborted) throw error;
    tellWhyNot(target, error, found);
    return undefined;
  }
}

/** Who else could read and write blocks there, and on the way. */
export function checkExposure({ address, settings }: Target, found: Findings): void {
  const far = !isLocal(address);
  if (address.password !== undefined) found.ok("auth", "takes the password");
  else if (far)
    found.hint(
      "auth",
      "wants no password, so whoever reaches its port can read and delete blocks",
      "`CONFIG SET requirepass …`, and put the password into the URL.",
    );
  else found.ok("auth", "wants no password");
  if (address.tls && settings.tls.rejectUnauthorized === false)
    found.hint("tls", "any certificate is accepted", "Name its authority in the URL: `?ca=FILE`.");
  else if (address.tls) found.ok("tls", "shows a certificate that holds");
  else if (far)
    found.hint(
      "tls",
      "blocks and password travel in clear",
      "On a network that others use, start it with `--tls-port` and write `rediss://`.",
    );
}

/** What to do about an error reply to the first words of a connection. */
const remedies: Readonly<Record<string, string>> = {
  NOAUTH: "Put the password into the URL, or into KEEPWARM_PASSWORD.",
  WRONGPASS: "Correct user and password in the URL, or in KEEPWARM_PASSWORD.",
  DENIED: "Set a password there with `requirepass`, or `protected-mode no` on a trusted network.",
  LOADING: "Wait until it has read its files; without persistence there is nothing to read.",
};

/** The same where a Sentinel said so. */
const sentinelRemedies: Readonly<Record<string, string>> = {
  ...remedies,
  NOAUTH: "Put the Sentinels' password into the URL: `?sentinel-password=…`.",
  WRONGPASS: "Correct `sentinel-username` and `sentinel-password` in the URL.",
};

/** Why a server cannot be talked to, and what to do about it. */
export function tellWhyNot(
  { address, isSentinel = false }: Target,
  error: unknown,
  found: Findings,
): void {
  const reply = replyOf(error);
  const message = error instanceof Error ? error.message : String(error);
  if (reply === undefined) {
    const check = /certificate|self-signed|issuer|altnames/i.test(message) ? "tls" : "reach";
    found.problem(check, message, reachRemedy(address.tls, check, error));
    return;
  }
  const unasked = /AUTH.*without any password configured/i.test(reply.message);
  if (unasked)
    found.problem("auth", message, "Leave the password out of the URL, or set `requirepass`.");
  else
    found.problem(
      reply.code === "LOADING" ? "reach" : "auth",
      message,
      (isSentinel ? sentinelRemedies : remedies)[reply.code] ??
        "Correct user, password and database in the URL.",
    );
}

function reachRemedy(tls: boolean, check: string, error: unknown): string {
  if (check === "tls")
    return "Name the authority that its certificate comes from in the URL: `?ca=FILE`.";
  if (isKeepwarmError(error, "PROTOCOL") || (tls && /wrong version|ssl|tls/i.test(String(error))))
    return "Check that a Valkey or Redis server listens there, and whether it speaks TLS (`rediss://`).";
  return "Check that it runs, its address and port, `bind`, and firewalls between.";
}
