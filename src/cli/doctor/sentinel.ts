import type { RespConnection } from "../../backends/valkey/connection.ts";
import { replyOf } from "../../backends/valkey/reply-failure.ts";
import { type Endpoint, formatEndpoint } from "../../backends/valkey/store-url.ts";
import type { StoreSettings } from "../../backends/valkey/store-options.ts";
import { replyText, type Reply } from "../../wire/resp/reply.ts";
import { plural } from "../render/plural.ts";
import { Findings } from "./finding.ts";
import { reach } from "./reach.ts";
import { examineServer } from "./server.ts";
import { blockServer, type Examination, sentinelServer } from "./target.ts";

/** Sentinels that can outvote one that is cut off. */
const enoughSentinels = 3;
const patienceMs = 5000;

interface View {
  readonly primary: Endpoint;
  readonly replicas: readonly Endpoint[];
}

/** The Sentinels of a URL, then the servers that they watch. */
export async function examineSentinels(
  settings: StoreSettings,
  examination: Examination,
): Promise<Findings[]> {
  const all: Findings[] = [];
  const views: View[] = [];
  for (const endpoint of settings.url.endpoints) {
    const address = sentinelServer(settings, endpoint);
    const found = new Findings(address.label);
    all.push(found);
    const connection = await reach({ ...examination, address, settings, isSentinel: true }, found);
    if (connection === undefined) continue;
    try {
      const view = await examineSentinel(connection, settings.service, found);
      if (view !== undefined) views.push(view);
    } catch (error) {
      if (examination.signal.aborted) throw error;
      const what = error instanceof Error ? error.message : String(error);
      found.problem(
        "sentinel",
        what,
        "Check that a Sentinel listens there, and what its user may.",
      );
    } finally {
      await connection.close();
    }
  }
  all.push(agreement(settings, views));
  const [view] = views;
  if (view === undefined) return all;
  const servers = [view.primary, ...view.replicas];
  for (const [index, endpoint] of servers.entries()) {
    const target = { ...examination, address: blockServer(settings, endpoint), settings };
    all.push(await examineServer(target, { role: index === 0 ? "primary" : "replica" }));
  }
  return all;
}

function agreement({ url, service }: StoreSettings, views: readonly View[]): Findings {
  const found = new Findings(url.label);
  const named = new Set(views.map(({ primary }) => formatEndpoint(primary)));
  if (named.size === 0)
    found.problem(
      "primary",
      `no Sentinel names a primary of ${service}`,
      "Check the Sentinels' addresses and the service's name in the URL.",
    );
  else if (named.size > 1)
    found.problem(
      "primary",
      `the Sentinels name different primaries: ${[...named].join(", ")}`,
      "Wait for a failover to end; else `SENTINEL RESET` on those that are wrong.",
    );
  else found.ok("primary", `all Sentinels name ${[...named][0]}`);
  if (url.endpoints.length < enoughSentinels)
    found.hint(
      "url",
      `names ${plural(url.endpoints.length, "Sentinel")}: without it nobody is found`,
      "Name all Sentinels in the URL.",
    );
  return found;
}

async function examineSentinel(
  connection: RespConnection,
  service: string,
  found: Findings,
): Promise<View | undefined> {
  const fields = await primaryFields(connection, service);
  if (fields === undefined) {
    found.problem(
      "sentinel",
      `does not know ${service}`,
      "Correct the service in the URL, or tell it: `sentinel monitor NAME HOST PORT 2`.",
    );
    return undefined;
  }
  await checkQuorum(connection, service, found);
  checkCounts(fields, found);
  checkPatience(fields, service, found);
  const flags = fields.get("flags") ?? "";
  if (/[so]_down/.test(flags))
    found.problem(
      "primary",
      `holds the primary to be down (${flags})`,
      "Wait for the failover to end; see its log if that takes longer than failover-timeout.",
    );
  return { primary: endpointOf(fields), replicas: await replicasOf(connection, service, found) };
}

async function primaryFields(
  connection: RespConnection,
  service: string,
): Promise<Map<string, string> | undefined> {
  try {
    return fieldsOf(await connection.command(["SENTINEL", "MASTER", service]));
  } catch (error) {
    if (/no such master/i.test(replyOf(error)?.message ?? "")) return undefined;
    throw error;
  }
}

async function checkQuorum(
  connection: RespConnection,
  service: string,
  found: Findings,
): Promise<void> {
  try {
    const text = replyText(await connection.command(["SENTINEL", "CKQUORUM", service]));
    found.ok("quorum", text ?? "can be reached");
  } catch (error) {
    const reply = replyOf(error);
    if (reply === undefined) throw error;
    found.problem(
      "quorum",
      `cannot agree on a failover: ${reply.message}`,
      `Bring the other Sentinels back, or \`SENTINEL SET ${service} quorum 2\`.`,
    );
  }
}

function checkCounts(fields: ReadonlyMap<string, string>, found: Findings): void {
  const replicas = Number(fields.get("num-slaves") ?? 0);
  const sentinels = 1 + Number(fields.get("num-other-sentinels") ?? 0);
  if (replicas === 0)
    found.problem(
      "replicas",
      "knows no replica that could take over",
      "Start another server with `--replicaof HOST PORT`.",
    );
  else found.ok("replicas", `knows ${plural(replicas, "replica")}`);
  if (sentinels < enoughSentinels)
    found.hint(
      "sentinels",
      `${plural(sentinels, "Sentinel")} in all: if one is gone, nobody fails over`,
      "Run three or more, each on a machine of its own.",
    );
}

function checkPatience(
  fields: ReadonlyMap<string, string>,
  service: string,
  found: Findings,
): void {
  const ms = Number(fields.get("down-after-milliseconds") ?? 0);
  if (ms > patienceMs)
    found.hint(
      "down-after",
      `waits ${ms} ms before it holds a primary to be down: all that time blocks are misses`,
      `\`SENTINEL SET ${service} down-after-milliseconds ${patienceMs}\` on each Sentinel.`,
    );
  else found.ok("down-after", `${ms} ms`);
}

async function replicasOf(
  connection: RespConnection,
  service: string,
  found: Findings,
): Promise<Endpoint[]> {
  const reply = await connection.command(["SENTINEL", "REPLICAS", service]);
  const replicas = Array.isArray(reply) ? reply.map(fieldsOf) : [];
  for (const fields of replicas)
    if (/[so]_down|disconnected/.test(fields.get("flags") ?? ""))
      found.problem(
        "replicas",
        `holds the replica ${fields.get("name")} to be down`,
        `Start it again; if it is gone for good, \`SENTINEL RESET ${service}\`.`,
      );
  return replicas.map(endpointOf);
}

function fieldsOf(reply: Reply): Map<string, string> {
  const words = Array.isArray(reply) ? reply.map((part) => replyText(part) ?? "") : [];
  const fields = new Map<string, string>();
  for (let i = 0; i + 1 < words.length; i += 2) fields.set(words[i], words[i + 1]);
  return fields;
}

function endpointOf(fields: ReadonlyMap<string, string>): Endpoint {
  return { host: fields.get("ip") ?? "", port: Number(fields.get("port")) };
}
