import type { ReplyWriter } from "../../../wire/resp/reply-writer.ts";
import type { Request } from "../../../wire/resp/request.ts";
import type { Command, CommandFlag, CommandSpec } from "../command.ts";
import type { Session } from "../session.ts";

/** Our flags by Redis's names. */
const flagNames: Partial<Record<CommandFlag, string>> = {
  write: "write",
  readonly: "readonly",
  fast: "fast",
  admin: "admin",
  noauth: "no_auth",
  nomulti: "no_multi",
};

function info(reply: ReplyWriter, command: Command): void {
  const { arity, flags, keys = [0, 0, 0], group } = command.spec;
  const names = flags.flatMap((flag) => flagNames[flag] ?? []);
  reply.array(10);
  reply.bulk(command.name);
  reply.integer(arity);
  reply.set(names.length);
  for (const name of names) reply.simple(name);
  for (const key of keys) reply.integer(key);
  reply.set(1);
  reply.simple(`@${group}`);
  reply.array(0);
  reply.array(0);
  reply.array(0);
}

function docs(reply: ReplyWriter, command: Command): void {
  reply.bulk(command.name);
  reply.map(3);
  reply.bulk("summary");
  reply.bulk(command.spec.summary);
  reply.bulk("since");
  reply.bulk("1.0.0");
  reply.bulk("group");
  reply.bulk(command.spec.group);
}

function named(session: Session, request: Request, from: number): (Command | undefined)[] {
  const { commands } = session.front;
  if (request.argc <= from) return [...commands.all];
  const wanted: (Command | undefined)[] = [];
  for (let index = from; index < request.argc; index++)
    wanted.push(commands.get(request.text(index)));
  return wanted;
}

function getKeys(session: Session, request: Request): void {
  const { reply, front } = session;
  const inner = request.argc > 2 ? front.commands.get(request.text(2)) : undefined;
  if (inner === undefined) {
    reply.error("ERR Invalid command specified");
    return;
  }
  const argc = request.argc - 2;
  if (!inner.acceptsArity(argc)) {
    reply.error("ERR Invalid number of arguments specified for command");
    return;
  }
  const indexes: number[] = [];
  inner.forEachKey(argc, (index) => indexes.push(index));
  if (indexes.length === 0) {
    reply.error("ERR The command has no key arguments");
    return;
  }
  reply.array(indexes.length);
  for (const index of indexes) reply.bulk(request.view(index + 2));
}

function command(session: Session, request: Request): void {
  const { reply, front } = session;
  if (request.argc === 1 || request.is(1, "INFO")) {
    const wanted = named(session, request, 2);
    reply.array(wanted.length);
    for (const each of wanted)
      if (each === undefined) reply.nilArray();
      else info(reply, each);
  } else if (request.is(1, "COUNT")) reply.integer(front.commands.all.length);
  else if (request.is(1, "DOCS")) {
    const known = named(session, request, 2).filter((each) => each !== undefined);
    reply.map(known.length);
    for (const each of known) docs(reply, each);
  } else if (request.is(1, "LIST")) {
    reply.array(front.commands.all.length);
    for (const { name } of front.commands.all) reply.bulk(name);
  } else if (request.is(1, "GETKEYS")) getKeys(session, request);
  else if (request.is(1, "HELP")) {
    reply.array(1);
    reply.bulk("COMMAND [INFO|DOCS [name ...] | COUNT | LIST | GETKEYS command ...]");
  } else
    reply.error(`ERR unknown subcommand '${request.text(1).slice(0, 128)}'. Try COMMAND HELP.`);
}

export const commandCommands: readonly CommandSpec[] = [
  {
    name: "command",
    arity: -1,
    flags: [],
    group: "server",
    summary: "About the commands: COUNT, INFO, DOCS, LIST, GETKEYS.",
    run: command,
  },
];
