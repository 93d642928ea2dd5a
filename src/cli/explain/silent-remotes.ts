import type { RespConnection } from "../../backends/valkey/connection.ts";
import type { Output } from "../output.ts";
import { plural } from "../render/plural.ts";
import { serversOf } from "../server/remote-facts.ts";
import { takeSnapshot } from "../server/snapshot.ts";
import type { Finding } from "./finding.ts";

/**
 * Says which stores on other machines could not be asked, when a chunk is missing that they may have: the
 * server counts what only they have as absent.
 */
export async function warnOfSilentRemotes(
  connection: RespConnection,
  out: Output,
  findings: readonly Finding[],
): Promise<void> {
  const missing = findings.filter((finding) => finding.state !== "found");
  if (missing.length === 0) return;
  const { remotes = [] } = await takeSnapshot(connection);
  const down = remotes
    .flatMap(serversOf)
    .filter(({ breaker }) => breaker === "open")
    .map(({ url }) => url);
  const counted = "what only they have counts as missing";
  if (down.length > 0)
    out.warn(`stores on other machines do not answer (${down.join(", ")}): ${counted}`);
  const unanswered = missing.filter(({ fate }) => fate.state !== "present" && fate.unanswered);
  if (unanswered.length > 0)
    out.warn(
      `stores on other machines were asked for ${plural(unanswered.length, "chunk")} and did not answer in time (limits.tierWaitMs): ${counted}`,
    );
}
