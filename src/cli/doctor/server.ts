import type { RespConnection } from "../../backends/valkey/connection.ts";
import { replyOf } from "../../backends/valkey/reply-failure.ts";
import { replyText } from "../../wire/resp/reply.ts";
import { parseInfo } from "../server/info.ts";
import { type Snapshot, takeSnapshot } from "../server/snapshot.ts";
import { Findings } from "./finding.ts";
import { checkKeepwarm } from "./keepwarm.ts";
import { checkLimits } from "./limits.ts";
import { checkMemory } from "./memory.ts";
import { checkPersistence } from "./persistence.ts";
import { checkExposure, reach } from "./reach.ts";
import { readFacts, type ServerFacts } from "./server-facts.ts";
import type { Target } from "./target.ts";
import { tryServer, type TrialOptions } from "./trial.ts";
import { checkVersion } from "./version.ts";

export interface ServerExpectation {
  /** A replica is looked at, but takes no blocks. */
  readonly role: "primary" | "replica";
  readonly holds?: TrialOptions["holds"];
}

/** Everything about one server that holds blocks. */
export async function examineServer(
  target: Target,
  { role, holds }: ServerExpectation,
): Promise<Findings> {
  const found = new Findings(target.address.label);
  const connection = await reach(target, found);
  if (connection === undefined) return found;
  checkExposure(target, found);
  try {
    await checkItself(connection, target, role, found);
    const { prefix } = target.settings;
    if (holds === undefined && (await isOneOfMany(connection)))
      found.problem(
        "role",
        "is one node of a cluster: blocks of all other nodes are misses",
        `Write \`redis-cluster://\` before its address.`,
      );
    else if (role === "primary") await tryServer(connection, found, { prefix, holds });
  } catch (error) {
    if (target.signal.aborted) throw error;
    found.problem(
      "reach",
      error instanceof Error ? error.message : String(error),
      "See the server's log and the network between.",
    );
  } finally {
    await connection.close();
  }
  return found;
}

async function checkItself(
  connection: RespConnection,
  { settings, valueBytes }: Target,
  role: ServerExpectation["role"],
  found: Findings,
): Promise<void> {
  const snapshot = await snapshotIfTold(connection);
  if (snapshot?.product === "keepwarm") {
    checkKeepwarm(snapshot, found);
    return;
  }
  const facts = await readFacts(connection);
  if (facts.info.size === 0)
    found.hint(
      "info",
      "does not tell what it is and how it does",
      "Let the user of the URL run INFO and CONFIG GET: `ACL SETUSER NAME +info +config|get`.",
    );
  else {
    checkVersion(facts, found);
    checkRole(facts, role, found);
    checkMemory(facts, found, { hasTtl: settings.ttlMs !== undefined });
    checkPersistence(facts, found);
    checkLimits(facts, found, valueBytes);
  }
}

/** Whether it shares the keys with others; a cluster of one can be used like a server. */
async function isOneOfMany(connection: RespConnection): Promise<boolean> {
  try {
    const info = parseInfo(replyText(await connection.command(["CLUSTER", "INFO"])) ?? "");
    return Number(info.get("cluster_size")) > 1;
  } catch (error) {
    if (replyOf(error) === undefined) throw error;
    return false;
  }
}

async function snapshotIfTold(connection: RespConnection): Promise<Snapshot | undefined> {
  try {
    return await takeSnapshot(connection);
  } catch (error) {
    if (replyOf(error)?.code === "NOPERM") return undefined;
    throw error;
  }
}

function checkRole({ info }: ServerFacts, role: ServerExpectation["role"], found: Findings): void {
  const isReplica = info.get("role") === "slave";
  if (role === "primary" && isReplica)
    found.problem(
      "role",
      `is a replica of ${info.get("master_host")}:${info.get("master_port")}, which takes no writes`,
      "Name its primary, or the Sentinels (`redis-sentinel://…`).",
    );
  else if (isReplica && info.get("master_link_status") !== "up")
    found.problem(
      "role",
      "a replica whose link to its primary is down: it cannot take over",
      "See its log; `CONFIG SET repl-diskless-sync-delay 0` makes the first copy begin at once.",
    );
  else found.ok("role", isReplica ? "a replica that is up to date" : "a primary");
}
