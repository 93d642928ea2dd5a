import { connectAddress } from "../../backends/valkey/client.ts";
import type { StoreSettings } from "../../backends/valkey/store-options.ts";
import { clusterSlot, clusterSlots } from "../../keys/cluster-slot.ts";
import { replyText } from "../../wire/resp/reply.ts";
import { formatEndpoint } from "../../backends/valkey/store-url.ts";
import { formatCount } from "../../util/units.ts";
import { parseInfo } from "../server/info.ts";
import { type ClusterNode, parseClusterNodes } from "./cluster-nodes.ts";
import { Findings } from "./finding.ts";
import { tellWhyNot } from "./reach.ts";
import { examineServer } from "./server.ts";
import { blockServer, type Examination } from "./target.ts";

const patienceMs = 5000;

interface View {
  readonly state: ReadonlyMap<string, string>;
  readonly nodes: readonly ClusterNode[];
  readonly settings: ReadonlyMap<string, string>;
}

/** A cluster as one of its nodes sees it, then each node. */
export async function examineCluster(
  settings: StoreSettings,
  examination: Examination,
): Promise<Findings[]> {
  const found = new Findings(settings.url.label);
  const view = await findView(settings, examination, found);
  if (view === undefined) return [found];
  checkState(view, found);
  checkCoverage(view, found);
  checkReplicas(view, found);
  const all = [found];
  for (const { endpoint, primary, slots, failed } of view.nodes) {
    if (failed) continue;
    const address = blockServer(settings, endpoint);
    const target = { ...examination, address, settings };
    const holds = (name: Buffer): boolean => {
      const slot = clusterSlot(name);
      return slots.some(([from, to]) => slot >= from && slot <= to);
    };
    const role = primary === undefined && slots.length > 0 ? "primary" : "replica";
    all.push(await examineServer(target, { role, holds }));
  }
  return all;
}

/** Asks the nodes of the URL until one answers. */
async function findView(
  settings: StoreSettings,
  { deadlineMs, signal, valueBytes }: Examination,
  found: Findings,
): Promise<View | undefined> {
  for (const endpoint of settings.url.endpoints) {
    const address = blockServer(settings, endpoint);
    try {
      const connection = await connectAddress(address, { tls: settings.tls, deadlineMs, signal });
      try {
        const state = parseInfo(replyText(await connection.command(["CLUSTER", "INFO"])) ?? "");
        const nodes = replyText(await connection.command(["CLUSTER", "NODES"])) ?? "";
        const reply = await connection.command(["CONFIG", "GET", "cluster-*"]).catch(() => []);
        const words = Array.isArray(reply) ? reply.map((part) => replyText(part) ?? "") : [];
        const told = new Map<string, string>();
        for (let i = 0; i + 1 < words.length; i += 2) told.set(words[i], words[i + 1]);
        return { state, nodes: parseClusterNodes(nodes, endpoint), settings: told };
      } finally {
        await connection.close();
      }
    } catch (error) {
      if (signal.aborted) throw error;
      const { message } = error instanceof Error ? error : new Error(String(error));
      if (/cluster support/i.test(message))
        found.problem("cluster", message, "Start it in cluster mode: `--cluster-enabled yes`.");
      else tellWhyNot({ address, settings, deadlineMs, signal, valueBytes }, error, found);
    }
  }
  return undefined;
}

function checkState({ state, nodes }: View, found: Findings): void {
  const assigned = Number(state.get("cluster_slots_assigned") ?? 0);
  if (state.get("cluster_state") !== "ok")
    found.problem(
      "state",
      `the cluster is down (cluster_state:${state.get("cluster_state")})`,
      "Bring the failed nodes back, or give their slots to others (`valkey-cli --cluster fix`).",
    );
  else found.ok("state", "the cluster is up");
  if (assigned < clusterSlots)
    found.problem(
      "slots",
      `${formatCount(clusterSlots - assigned)} of ${formatCount(clusterSlots)} slots belong to nobody: their blocks are misses`,
      "`valkey-cli --cluster fix HOST:PORT`, or CLUSTER ADDSLOTSRANGE.",
    );
  else found.ok("slots", "all slots belong to a node");
  for (const { endpoint } of nodes.filter(({ failed }) => failed))
    found.problem(
      "nodes",
      `${formatEndpoint(endpoint)} has failed`,
      "Start it again; if it is gone for good, CLUSTER FORGET it on every node.",
    );
}

function checkCoverage({ settings }: View, found: Findings): void {
  if (settings.get("cluster-require-full-coverage") === "yes")
    found.hint(
      "full coverage",
      "when one primary is lost without a replica, all others refuse their blocks as well",
      "`CONFIG SET cluster-require-full-coverage no` on every node.",
    );
  else if (settings.size > 0) found.ok("full coverage", "nodes go on when another is lost");
  const timeout = Number(settings.get("cluster-node-timeout") ?? 0);
  if (timeout > patienceMs)
    found.hint(
      "node timeout",
      `${timeout} ms pass before a node counts as failed: its blocks are misses meanwhile`,
      `\`CONFIG SET cluster-node-timeout ${patienceMs}\` on every node.`,
    );
}

function checkReplicas({ nodes }: View, found: Findings): void {
  const holders = nodes.filter(({ slots, failed }) => slots.length > 0 && !failed);
  const followed = new Set(nodes.filter(({ failed }) => !failed).map(({ primary }) => primary));
  const alone = holders.filter(({ id }) => !followed.has(id));
  if (alone.length === 0) found.ok("replicas", "every primary has one");
  else
    found.hint(
      "replicas",
      `${alone.map(({ endpoint }) => formatEndpoint(endpoint)).join(", ")} without a replica: lost, its blocks are misses until it is back`,
      "Add nodes and let them `CLUSTER REPLICATE` these.",
    );
}
