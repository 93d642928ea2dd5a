import type { Request } from "../../../wire/resp/request.ts";
import type { CommandSpec } from "../command.ts";
import { clusterSlot, clusterSlots } from "../../../keys/cluster-slot.ts";
import type { Session } from "../session.ts";

/** This one node owns all slots. */
function node({ front }: Session) {
  return { id: front.runId, host: front.options.host ?? "127.0.0.1", port: front.port };
}

function info({ reply }: Session): void {
  reply.verbatim(
    [
      "cluster_enabled:1",
      "cluster_state:ok",
      `cluster_slots_assigned:${clusterSlots}`,
      `cluster_slots_ok:${clusterSlots}`,
      "cluster_slots_pfail:0",
      "cluster_slots_fail:0",
      "cluster_known_nodes:1",
      "cluster_size:1",
      "cluster_current_epoch:1",
      "cluster_my_epoch:1",
      "",
    ].join("\r\n"),
  );
}

function slots(session: Session): void {
  const { reply } = session;
  const { id, host, port } = node(session);
  reply.array(1);
  reply.array(3);
  reply.integer(0);
  reply.integer(clusterSlots - 1);
  reply.array(4);
  reply.bulk(host);
  reply.integer(port);
  reply.bulk(id);
  reply.array(0);
}

function shards(session: Session): void {
  const { reply } = session;
  const { id, host, port } = node(session);
  reply.array(1);
  reply.map(2);
  reply.bulk("slots");
  reply.array(2);
  reply.integer(0);
  reply.integer(clusterSlots - 1);
  reply.bulk("nodes");
  reply.array(1);
  const fields = {
    id,
    port,
    ip: host,
    endpoint: host,
    role: "master",
    "replication-offset": 0,
    health: "online",
  };
  reply.map(Object.keys(fields).length);
  for (const [name, value] of Object.entries(fields)) {
    reply.bulk(name);
    if (typeof value === "number") reply.integer(value);
    else reply.bulk(value);
  }
}

const subCommands: Readonly<Record<string, (session: Session, request: Request) => void>> = {
  info,
  slots,
  shards,
  nodes: (session) => {
    const { id, host, port } = node(session);
    session.reply.verbatim(
      `${id} ${host}:${port}@${port + 10_000} myself,master - 0 0 1 connected 0-${clusterSlots - 1}\n`,
    );
  },
  myid: (session) => session.reply.bulk(node(session).id),
  keyslot: (session, request) => {
    if (request.argc === 3) session.reply.integer(clusterSlot(request.view(2)));
    else session.reply.error("ERR wrong number of arguments for 'cluster|keyslot' command");
  },
};

function cluster(session: Session, request: Request): void {
  const { reply, front } = session;
  const name = request.text(1).toLowerCase();
  if (name !== "keyslot" && front.options.cluster !== true)
    reply.error(
      "ERR This instance has cluster support disabled: start it with --cluster-mode to have it answer as a cluster of one node",
    );
  else if (Object.hasOwn(subCommands, name)) subCommands[name](session, request);
  else reply.error(`ERR unknown subcommand '${request.text(1).slice(0, 128)}'. Try CLUSTER HELP.`);
}

const base = { group: "cluster" } as const;

export const clusterCommands: readonly CommandSpec[] = [
  {
    ...base,
    name: "cluster",
    arity: -2,
    flags: [],
    summary: "INFO, SLOTS, SHARDS, NODES, MYID, KEYSLOT of this one-node cluster.",
    run: cluster,
  },
  ...["readonly", "readwrite", "asking"].map((name): CommandSpec => ({
    ...base,
    name,
    arity: 1,
    flags: ["fast"],
    summary: "Accepted: there are no replicas to read from, nor slots on the move.",
    run: ({ reply }) => reply.ok(),
  })),
];
