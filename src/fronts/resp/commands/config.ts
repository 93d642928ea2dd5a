import { compileGlob } from "../../../util/glob.ts";
import type { Request } from "../../../wire/resp/request.ts";
import type { CommandSpec } from "../command.ts";
import type { Session } from "../session.ts";
import { settings } from "../settings.ts";

function get(session: Session, request: Request): void {
  const tests: ((name: Uint8Array) => boolean)[] = [];
  for (let index = 2; index < request.argc; index++)
    tests.push(compileGlob(request.text(index).toLowerCase()));
  const names = Object.keys(settings).filter((name) =>
    tests.some((test) => test(Buffer.from(name))),
  );
  session.reply.map(names.length);
  for (const name of names) {
    session.reply.bulk(name);
    session.reply.bulk(settings[name].get(session.front));
  }
}

function set(session: Session, request: Request): void {
  const { reply, front } = session;
  if (request.argc < 4 || request.argc % 2 !== 0) {
    reply.error("ERR wrong number of arguments for 'config|set' command");
    return;
  }
  for (let index = 2; index < request.argc; index += 2) {
    const name = request.text(index).toLowerCase();
    const setting = Object.hasOwn(settings, name) ? settings[name] : undefined;
    if (setting === undefined) {
      reply.error(
        `ERR Unknown option or number of arguments for CONFIG SET - '${name.slice(0, 128)}'`,
      );
      return;
    }
    const problem =
      setting.set === undefined
        ? "can't be changed while running"
        : setting.set(front, request.text(index + 1));
    if (problem !== undefined) {
      reply.error(`ERR CONFIG SET failed (possibly related to argument '${name}') - ${problem}`);
      return;
    }
    const value = name === "requirepass" ? "(hidden)" : request.text(index + 1);
    front.options.logger.info(
      { client: session.connection.address, setting: name, value },
      "setting changed",
    );
  }
  reply.ok();
}

function resetStatistics({ front, reply }: Session): void {
  front.hits = front.misses = 0;
  front.commandsProcessed = front.errorReplies = 0;
  front.connectionsAccepted = front.connectionsRejected = front.protocolErrors = 0;
  front.bytesIn = front.bytesOut = front.valuesDropped = front.tierTimeouts = 0;
  front.ram.counters.reset();
  for (const command of front.commands.all) {
    command.calls = command.rejected = 0;
    command.latency.reset();
  }
  reply.ok();
}

function config(session: Session, request: Request): void {
  const { reply } = session;
  if (request.is(1, "GET") && request.argc > 2) get(session, request);
  else if (request.is(1, "SET")) set(session, request);
  else if (request.is(1, "RESETSTAT")) resetStatistics(session);
  else if (request.is(1, "REWRITE"))
    reply.error("ERR the configuration file is yours: edit it by hand (keepwarm config show)");
  else if (request.is(1, "HELP")) {
    reply.array(1);
    reply.bulk("CONFIG GET pattern [pattern ...] | SET name value [name value ...] | RESETSTAT");
  } else reply.error(`ERR unknown subcommand '${request.text(1)}'. Try CONFIG HELP.`);
}

export const configCommands: readonly CommandSpec[] = [
  {
    name: "config",
    arity: -2,
    flags: ["admin"],
    group: "server",
    summary: "Settings by Redis's names: GET, SET, RESETSTAT.",
    run: config,
  },
];
