import type { Request } from "../../../wire/resp/request.ts";
import type { CommandSpec } from "../command.ts";
import type { Session } from "../session.ts";

/** One line of CLIENT LIST. */
function describe(session: Session): string {
  const { front, connection, transaction } = session;
  const now = front.now();
  const flags = session.monitoring
    ? "O"
    : transaction?.open === true
      ? "x"
      : connection.isWaiting
        ? "b"
        : "N";
  const fields = {
    id: session.id,
    addr: connection.address,
    laddr: `${front.options.host ?? "127.0.0.1"}:${front.port}`,
    name: session.name,
    age: Math.floor((now - session.connectedAt) / 1000),
    idle: Math.floor((now - session.lastActiveAt) / 1000),
    flags,
    db: session.keyspace,
    sub: 0,
    psub: 0,
    multi: transaction?.open === true ? transaction.queue.length : -1,
    qbuf: connection.heldBytes,
    omem: connection.unwrittenBytes,
    cmd: session.lastCommand === "" ? "NULL" : session.lastCommand,
    user: session.user?.name ?? "(none)",
    "lib-name": session.library,
    "lib-ver": session.libraryVersion,
    resp: session.protocol,
    "tot-cmds": session.commands,
    read: connection.readMode,
  };
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}

function isName(text: string): boolean {
  return /^[!-~]*$/.test(text);
}

function setName(session: Session, request: Request): void {
  const name = request.text(2);
  if (isName(name)) {
    session.name = name;
    session.reply.ok();
  } else
    session.reply.error("ERR Client names cannot contain spaces, newlines or special characters.");
}

function setInfo(session: Session, request: Request): void {
  const value = request.text(3);
  if (!isName(value))
    session.reply.error(
      `ERR ${request.text(2).toLowerCase()} cannot contain spaces, newlines or special characters.`,
    );
  else if (request.is(2, "LIB-NAME")) {
    session.library = value;
    session.reply.ok();
  } else if (request.is(2, "LIB-VER")) {
    session.libraryVersion = value;
    session.reply.ok();
  } else session.reply.error(`ERR Unrecognized option '${request.text(2)}'`);
}

function list(session: Session, request: Request): void {
  const { sessions } = session.front;
  const wanted = new Set<number>();
  if (request.is(2, "ID"))
    for (let index = 3; index < request.argc; index++) wanted.add(request.integer(index) ?? 0);
  else if (request.argc > 2 && !request.is(2, "TYPE")) {
    session.reply.error("ERR syntax error");
    return;
  }
  const lines = [...sessions.values()]
    .filter(({ id }) => wanted.size === 0 || wanted.has(id))
    .map((each) => `${describe(each)}\n`);
  session.reply.verbatim(lines.join(""));
}

function kill(session: Session, request: Request): void {
  const { reply, front } = session;
  const oldForm = request.argc === 3;
  if (!oldForm && request.argc % 2 !== 0) {
    reply.error("ERR syntax error");
    return;
  }
  const tests: ((other: Session) => boolean)[] = [];
  let skipMe = !oldForm;
  for (let index = oldForm ? 1 : 2; index < request.argc; index += 2) {
    const value = request.text(index + 1);
    if (oldForm || request.is(index, "ADDR")) tests.push((s) => s.connection.address === value);
    else if (request.is(index, "ID")) tests.push((s) => String(s.id) === value);
    else if (request.is(index, "USER")) tests.push((s) => s.user?.name === value);
    else if (request.is(index, "LADDR")) tests.push(() => value.endsWith(`:${front.port}`));
    else if (request.is(index, "TYPE")) tests.push(() => value.toLowerCase() === "normal");
    else if (request.is(index, "SKIPME")) skipMe = value.toLowerCase() !== "no";
    else {
      reply.error("ERR syntax error");
      return;
    }
  }
  let killed = 0;
  for (const other of front.sessions.values()) {
    if ((other === session && skipMe) || !tests.every((test) => test(other))) continue;
    killed++;
    if (other === session) other.connection.close();
    else other.connection.destroy();
  }
  if (!oldForm) reply.integer(killed);
  else if (killed > 0) reply.ok();
  else reply.error("ERR No such client");
}

function onOff(session: Session, request: Request, set: (on: boolean) => void): void {
  if (request.is(2, "ON")) set(true);
  else if (request.is(2, "OFF")) set(false);
  else {
    session.reply.error("ERR syntax error");
    return;
  }
  session.reply.ok();
}

interface SubCommand {
  readonly argc: readonly [least: number, most: number];
  readonly admin?: boolean;
  run(session: Session, request: Request): void;
}

const subCommands: Readonly<Record<string, SubCommand>> = {
  id: { argc: [2, 2], run: ({ reply, id }) => reply.integer(id) },
  setname: { argc: [3, 3], run: setName },
  getname: {
    argc: [2, 2],
    run: ({ reply, name }) => (name === "" ? reply.nil() : reply.bulk(name)),
  },
  setinfo: { argc: [4, 4], run: setInfo },
  info: { argc: [2, 2], run: (session) => session.reply.verbatim(`${describe(session)}\n`) },
  list: { argc: [2, Infinity], admin: true, run: list },
  kill: { argc: [3, Infinity], admin: true, run: kill },
  "no-evict": {
    argc: [3, 3],
    run: (session, request) => onOff(session, request, (on) => (session.noEvict = on)),
  },
  "no-touch": {
    argc: [3, 3],
    run: (session, request) => onOff(session, request, (on) => (session.noTouch = on)),
  },
  help: {
    argc: [2, 2],
    run: ({ reply }) => {
      reply.array(1);
      reply.bulk(`CLIENT <${Object.keys(subCommands).join("|").toUpperCase()}>`);
    },
  },
};

function client(session: Session, request: Request): void {
  const { reply, user } = session;
  const name = request.text(1).toLowerCase();
  const sub = Object.hasOwn(subCommands, name) ? subCommands[name] : undefined;
  if (sub === undefined)
    reply.error(`ERR unknown subcommand '${request.text(1).slice(0, 128)}'. Try CLIENT HELP.`);
  else if (request.argc < sub.argc[0] || request.argc > sub.argc[1])
    reply.error(`ERR wrong number of arguments for 'client|${name}' command`);
  else if (sub.admin === true && user?.unlimited !== true)
    reply.error(`NOPERM User ${user?.name} has no permissions to run the 'client|${name}' command`);
  else sub.run(session, request);
}

export const clientCommands: readonly CommandSpec[] = [
  {
    name: "client",
    arity: -2,
    flags: ["fast"],
    group: "connection",
    summary: "About connections: ID, SETNAME, GETNAME, SETINFO, INFO, LIST, KILL, NO-EVICT.",
    run: client,
  },
];
