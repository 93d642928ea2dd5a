import type { CommandSpec } from "../command.ts";
import { run } from "../dispatch.ts";
import type { Session } from "../session.ts";
import { Transaction } from "../transaction.ts";

function multi(session: Session): void {
  if (session.transaction?.open === true) {
    session.reply.error("ERR MULTI calls can not be nested");
    return;
  }
  session.transaction ??= new Transaction(session.front);
  session.transaction.open = true;
  session.reply.ok();
}

function exec(session: Session): void {
  const { transaction, reply } = session;
  if (transaction?.open !== true) {
    reply.error("ERR EXEC without MULTI");
    return;
  }
  session.transaction = undefined;
  if (transaction.failed) {
    transaction.discard();
    reply.error("EXECABORT Transaction discarded because of previous errors.");
    return;
  }
  if (!transaction.isValid) {
    transaction.discard();
    reply.nilArray();
    return;
  }
  reply.array(transaction.queue.length);
  for (const { command, request } of transaction.queue) run(session, command, request);
}

function discard(session: Session): void {
  if (session.transaction?.open !== true) {
    session.reply.error("ERR DISCARD without MULTI");
    return;
  }
  session.transaction.discard();
  session.transaction = undefined;
  session.reply.ok();
}

const base = { group: "transactions" } as const;

export const transactionCommands: readonly CommandSpec[] = [
  {
    ...base,
    name: "multi",
    arity: 1,
    flags: ["fast", "immediate"],
    summary: "Begins to queue commands.",
    run: multi,
  },
  {
    ...base,
    name: "exec",
    arity: 1,
    flags: ["immediate"],
    summary: "Runs what was queued, with nothing in between.",
    run: exec,
  },
  {
    ...base,
    name: "discard",
    arity: 1,
    flags: ["fast", "immediate"],
    summary: "Forgets what was queued.",
    run: discard,
  },
  {
    ...base,
    name: "watch",
    arity: -2,
    flags: ["fast", "immediate"],
    keys: [1, -1, 1],
    summary: "Lets the next EXEC fail if one of the keys changes before.",
    // What is in RAM keeps its version until it is changed.
    values: (request) => request.argc - 1,
    run: (session, request) => {
      if (session.transaction?.open === true) {
        session.reply.error("ERR WATCH inside MULTI is not allowed");
        return;
      }
      session.transaction ??= new Transaction(session.front);
      for (let index = 1; index < request.argc; index++)
        session.transaction.watch(request.view(index), session.keyspace);
      session.reply.ok();
    },
  },
  {
    ...base,
    name: "unwatch",
    arity: 1,
    flags: ["fast"],
    summary: "Forgets the keys that are watched.",
    run: (session) => {
      if (session.transaction?.open === false) session.transaction = undefined;
      session.reply.ok();
    },
  },
];
