import type { Request } from "../../../wire/resp/request.ts";
import type { CommandSpec } from "../command.ts";
import { DATABASES } from "../front-state.ts";
import type { Session } from "../session.ts";

const WRONG_PASSWORD = "WRONGPASS invalid username-password pair or user is disabled.";

function authenticate(session: Session, name: string, password: string): boolean {
  const user = session.front.users.authenticate(name, password);
  if (user === undefined) {
    session.front.options.logger.warn(
      { client: session.connection.address, user: name },
      "authentication failed",
    );
    return false;
  }
  session.user = user;
  session.connection.authenticated(true);
  return true;
}

function auth(session: Session, request: Request): void {
  const { reply, front } = session;
  if (request.argc > 3) {
    reply.error("ERR syntax error");
    return;
  }
  if (request.argc === 2 && !front.users.default.needsPassword) {
    reply.error(
      "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
    );
    return;
  }
  const name = request.argc === 3 ? request.text(1) : "default";
  if (authenticate(session, name, request.text(request.argc - 1))) reply.ok();
  else reply.error(WRONG_PASSWORD);
}

function hello(session: Session, request: Request): void {
  const { reply, front } = session;
  let protocol = session.protocol;
  if (request.argc > 1) {
    const version = request.integer(1);
    if (version !== 2 && version !== 3) {
      reply.error("NOPROTO unsupported protocol version");
      return;
    }
    protocol = version;
  }
  let name: string | undefined;
  for (let index = 2; index < request.argc; index++) {
    if (request.is(index, "AUTH") && index + 2 < request.argc) {
      if (!authenticate(session, request.text(index + 1), request.text(index + 2))) {
        reply.error(WRONG_PASSWORD);
        return;
      }
      index += 2;
    } else if (request.is(index, "SETNAME") && index + 1 < request.argc)
      name = request.text(++index);
    else {
      reply.error(`ERR Syntax error in HELLO option '${request.text(index)}'`);
      return;
    }
  }
  if (session.user === undefined) {
    reply.error(
      "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
    );
    return;
  }
  if (name !== undefined) session.name = name;
  session.protocol = protocol;
  reply.protocol = protocol;
  reply.map(7);
  reply.bulk("server");
  reply.bulk("redis");
  reply.bulk("version");
  reply.bulk(COMPATIBLE_VERSION);
  reply.bulk("proto");
  reply.integer(protocol);
  reply.bulk("id");
  reply.integer(session.id);
  reply.bulk("mode");
  reply.bulk(front.options.cluster === true ? "cluster" : "standalone");
  reply.bulk("role");
  reply.bulk("master");
  reply.bulk("modules");
  reply.array(0);
}

/** The Redis version whose commands clients may count on. */
export const COMPATIBLE_VERSION = "7.0.15";

function ping(session: Session, request: Request): void {
  if (request.argc > 2) session.reply.error("ERR wrong number of arguments for 'ping' command");
  else if (request.argc === 2) session.reply.bulk(request.view(1));
  else session.reply.simple("PONG");
}

function select(session: Session, request: Request): void {
  const { reply, front } = session;
  const database = request.integer(1);
  if (database === undefined) reply.error("ERR invalid DB index");
  else if (database < 0 || database >= DATABASES) reply.error("ERR DB index is out of range");
  else if (database > 0 && front.options.cluster === true)
    reply.error("ERR SELECT is not allowed in cluster mode");
  else {
    session.keyspace = database;
    reply.ok();
  }
}

const base = { group: "connection" } as const;

export const connectionCommands: readonly CommandSpec[] = [
  {
    ...base,
    name: "auth",
    arity: -2,
    flags: ["noauth", "fast", "immediate"],
    summary: "Shows who the client is: AUTH password, or AUTH user password.",
    run: auth,
  },
  {
    ...base,
    name: "hello",
    arity: -1,
    flags: ["noauth", "fast", "immediate"],
    summary: "Chooses the protocol, 2 or 3; AUTH and SETNAME at the same time.",
    run: hello,
  },
  {
    ...base,
    name: "ping",
    arity: -1,
    flags: ["fast"],
    summary: "Answers PONG, or the argument.",
    run: ping,
  },
  {
    ...base,
    name: "echo",
    arity: 2,
    flags: ["fast"],
    summary: "Answers the argument.",
    run: (session, request) => session.reply.bulk(request.view(1)),
  },
  {
    ...base,
    name: "quit",
    arity: -1,
    flags: ["noauth", "fast", "immediate"],
    summary: "Closes the connection.",
    run: (session) => {
      session.reply.ok();
      session.connection.close();
    },
  },
  {
    ...base,
    name: "reset",
    arity: 1,
    flags: ["noauth", "fast", "immediate"],
    summary: "Takes the connection back to its first state.",
    run: (session) => {
      session.reset();
      session.connection.authenticated(session.user !== undefined);
      session.reply.protocol = 2;
      session.reply.simple("RESET");
    },
  },
  {
    ...base,
    name: "select",
    arity: 2,
    flags: ["fast"],
    summary: "Chooses one of 16 databases.",
    run: select,
  },
];
