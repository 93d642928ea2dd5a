import type { Request } from "../../../wire/resp/request.ts";
import type { CommandSpec } from "../command.ts";
import type { Session } from "../session.ts";

function flush(session: Session, request: Request, keyspace?: number): void {
  if (
    request.argc > 2 ||
    (request.argc === 2 && !request.is(1, "ASYNC") && !request.is(1, "SYNC"))
  ) {
    session.reply.error("ERR syntax error");
    return;
  }
  session.front.flush(keyspace);
  session.front.options.logger.info(
    { client: session.connection.address, database: keyspace ?? "all" },
    "flushed",
  );
  session.reply.ok();
}

function time({ reply, front }: Session): void {
  const now = front.now();
  reply.array(2);
  reply.bulk(String(Math.floor(now / 1000)));
  reply.bulk(String(Math.floor((now % 1000) * 1000)));
}

function monitor(session: Session): void {
  session.monitoring = true;
  session.front.monitors.add(session);
  session.reply.ok();
}

function slowlog(session: Session, request: Request): void {
  const { reply, front } = session;
  const { slowLog } = front;
  if (request.is(1, "LEN")) reply.integer(slowLog.entries.length);
  else if (request.is(1, "RESET")) {
    slowLog.entries.length = 0;
    reply.ok();
  } else if (request.is(1, "GET")) {
    const count = request.argc > 2 ? request.integer(2) : 10;
    if (count === undefined || count < -1) {
      reply.error("ERR count should be greater than or equal to -1");
      return;
    }
    const entries = slowLog.entries.slice(0, count === -1 ? undefined : count);
    reply.array(entries.length);
    for (const entry of entries) {
      reply.array(6);
      reply.integer(entry.id);
      reply.integer(entry.at);
      reply.integer(entry.micros);
      reply.array(entry.arguments.length);
      for (const argument of entry.arguments) reply.bulk(Buffer.from(argument, "latin1"));
      reply.bulk(entry.client);
      reply.bulk(entry.clientName);
    }
  } else if (request.is(1, "HELP")) {
    reply.array(1);
    reply.bulk("SLOWLOG GET [count] | LEN | RESET");
  } else reply.error(`ERR unknown subcommand '${request.text(1)}'. Try SLOWLOG HELP.`);
}

/** Latencies are always measured, so there are no spikes to record: HISTOGRAM has it all. */
function latency(session: Session, request: Request): void {
  const { reply, front } = session;
  if (request.is(1, "HISTOGRAM")) {
    const wanted = new Set<string>();
    for (let index = 2; index < request.argc; index++)
      wanted.add(request.text(index).toLowerCase());
    const commands = front.commands.all.filter(
      ({ name, calls }) => calls > 0 && (wanted.size === 0 || wanted.has(name)),
    );
    reply.map(commands.length);
    for (const { name, calls, latency: histogram } of commands) {
      reply.bulk(name);
      reply.map(2);
      reply.bulk("calls");
      reply.integer(calls);
      reply.bulk("histogram_usec");
      const quantiles = [0.5, 0.9, 0.99, 0.999, 1];
      reply.map(quantiles.length);
      for (const quantile of quantiles) {
        reply.integer(Math.ceil(histogram.quantileMs(quantile) * 1000));
        reply.integer(Math.round(calls * quantile));
      }
    }
  } else if (request.is(1, "LATEST") || request.is(1, "HISTORY")) reply.array(0);
  else if (request.is(1, "RESET")) {
    for (const command of front.commands.all) command.latency.reset();
    reply.integer(0);
  } else if (request.is(1, "DOCTOR"))
    reply.verbatim(
      `Latency of each command: LATENCY HISTOGRAM. Commands above ${front.slowLog.thresholdUs} us: SLOWLOG GET.\n`,
    );
  else if (request.is(1, "HELP")) {
    reply.array(1);
    reply.bulk("LATENCY HISTOGRAM [command ...] | LATEST | RESET | DOCTOR");
  } else reply.error(`ERR unknown subcommand '${request.text(1)}'. Try LATENCY HELP.`);
}

function shutdown(session: Session): void {
  const { options } = session.front;
  if (options.onShutdown === undefined) {
    session.reply.error(
      "ERR SHUTDOWN is not available here: stop the process that embeds this store",
    );
    return;
  }
  options.logger.info({ client: session.connection.address }, "shutdown asked for");
  session.connection.close();
  options.onShutdown();
}

function acl(session: Session, request: Request): void {
  const { reply, user } = session;
  if (request.is(1, "WHOAMI")) reply.bulk(user?.name ?? "default");
  else
    reply.error(
      "ERR users are set in the configuration (auth.users) here; ACL WHOAMI is the one subcommand",
    );
}

function role({ reply }: Session): void {
  reply.array(3);
  reply.bulk("master");
  reply.integer(0);
  reply.array(0);
}

const base = { group: "server" } as const;
const NOT_ON_DISK = "there is nothing to save: this store keeps its blocks in memory";

export const serverCommands: readonly CommandSpec[] = [
  {
    ...base,
    name: "flushdb",
    arity: -1,
    flags: ["write", "admin"],
    summary: "Removes all keys of the selected database.",
    run: (session, request) => flush(session, request, session.keyspace),
  },
  {
    ...base,
    name: "flushall",
    arity: -1,
    flags: ["write", "admin"],
    summary: "Removes all keys of all databases.",
    run: (session, request) => flush(session, request),
  },
  { ...base, name: "time", arity: 1, flags: ["fast"], summary: "The server's time.", run: time },
  {
    ...base,
    name: "wait",
    arity: 3,
    flags: [],
    summary: "Answers 0 at once: there are no replicas.",
    run: ({ reply }) => reply.integer(0),
  },
  {
    ...base,
    name: "monitor",
    arity: 1,
    flags: ["admin", "nomulti"],
    summary: "Shows every command as it runs; long values are cut.",
    run: monitor,
  },
  {
    ...base,
    name: "slowlog",
    arity: -2,
    flags: ["admin"],
    summary: "The last slow commands: GET, LEN, RESET.",
    run: slowlog,
  },
  {
    ...base,
    name: "latency",
    arity: -2,
    flags: ["admin"],
    summary: "How long commands take: HISTOGRAM, RESET.",
    run: latency,
  },
  {
    ...base,
    name: "role",
    arity: 1,
    flags: ["fast"],
    summary: "Answers master, without replicas.",
    run: role,
  },
  {
    ...base,
    name: "acl",
    arity: -2,
    flags: [],
    summary: "ACL WHOAMI; users are set in the configuration.",
    run: acl,
  },
  ...["save", "bgsave", "bgrewriteaof"].map((name): CommandSpec => ({
    ...base,
    name,
    arity: -1,
    flags: ["admin"],
    summary: `Refused: ${NOT_ON_DISK}.`,
    run: ({ reply }) => reply.error(`ERR ${NOT_ON_DISK}`),
  })),
  {
    ...base,
    name: "lastsave",
    arity: 1,
    flags: ["admin", "fast"],
    summary: "When the server started, as nothing is saved.",
    run: ({ reply, front }) => reply.integer(Math.floor(front.startedAt / 1000)),
  },
  ...["replicaof", "slaveof"].map((name): CommandSpec => ({
    ...base,
    name,
    arity: 3,
    flags: ["admin"],
    summary: "Refused but for NO ONE: there is no replication.",
    run: ({ reply }, request) => {
      if (request.is(1, "NO") && request.is(2, "ONE")) reply.ok();
      else reply.error("ERR there is no replication here: share blocks through a remote backend");
    },
  })),
  {
    ...base,
    name: "shutdown",
    arity: -1,
    flags: ["admin", "nomulti"],
    summary: "Ends the server after what is under way.",
    run: shutdown,
  },
];
