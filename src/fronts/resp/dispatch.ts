import { performance } from "node:perf_hooks";
import type { Request } from "../../wire/resp/request.ts";
import { formatBytes } from "../../util/units.ts";
import type { Command } from "./command.ts";
import { feedMonitors } from "./monitor.ts";
import type { Session } from "./session.ts";

/**
 * Runs one request, or says why not. Every request gets exactly one reply: here, or when the values
 * have come that the connection then waits for.
 */
export function dispatch(session: Session, request: Request): void {
  const { front } = session;
  const command = front.commands.find(request);
  front.commandsProcessed++;
  session.commands++;
  if (command === undefined) {
    if (isHttp(request)) {
      front.options.logger.warn({ client: session.connection.address }, "HTTP on the RESP port");
      session.connection.close();
      return;
    }
    refuse(session, request, undefined, unknownCommand(request));
    return;
  }
  session.lastCommand = command.name;
  if (!command.acceptsArity(request.argc)) {
    refuse(
      session,
      request,
      command,
      `ERR wrong number of arguments for '${command.name}' command`,
    );
    return;
  }
  const reason = session.user?.unlimited === true ? undefined : denial(session, command, request);
  if (reason !== undefined) {
    refuse(session, request, command, reason);
    return;
  }
  if (session.tooLongBytes > 0) {
    refuse(session, request, command, tooLong(session));
    return;
  }
  const { transaction } = session;
  if (transaction?.open === true && !command.immediate) {
    if (command.has("nomulti")) {
      refuse(
        session,
        request,
        command,
        `ERR Command '${command.name}' not allowed inside a transaction`,
      );
      return;
    }
    if (transaction.add(command, request, front.limits.requestBytes))
      session.reply.simple("QUEUED");
    else
      refuse(session, request, command, "ERR the commands of one transaction take too much memory");
    return;
  }
  const { tiers } = front;
  const mayWait =
    (command.needsValues && tiers.lower !== undefined) || (command.asksRemotes && tiers.hasRemotes);
  if (mayWait && session.connection.awaitValues(command, request)) return;
  run(session, command, request);
}

/** Runs a command that may run, with the counting around it. */
export function run(session: Session, command: Command, request: Request): void {
  const { front } = session;
  if (front.monitors.size > 0) feedMonitors(session, command, request);
  if (command.isWrite) session.wrote = true;
  command.spec.run(session, request);
  const now = performance.now();
  const ms = now - front.busySince;
  front.busySince = now;
  command.calls++;
  command.latency.record(ms);
  const { slowLog } = front;
  if (slowLog.thresholdUs >= 0 && ms * 1000 > slowLog.thresholdUs && command.name !== "exec")
    slowLog.add(
      request,
      Math.round(ms * 1000),
      front.now(),
      session.connection.address,
      session.name,
    );
}

function refuse(
  session: Session,
  request: Request,
  command: Command | undefined,
  message: string,
): void {
  const { front, transaction } = session;
  if (command !== undefined) command.rejected++;
  for (let i = 1; i < request.bodies.length; i += 2)
    if (request.bodies[i] > 0) front.cancelSlot(request.bodies[i]);
  if (transaction?.open === true) transaction.failed = true;
  session.tooLongBytes = 0;
  front.errorReplies++;
  session.reply.error(message);
}

function tooLong({ front, tooLongBytes }: Session): string {
  const limit = formatBytes(front.maxValueBytes);
  return `ERR an argument of ${formatBytes(tooLongBytes)} is too long: a value may have ${limit} here (the limit max-value and half of ram-size), any other argument less`;
}

/** A browser was made to talk to this port (cross-protocol scripting): answer nothing at all. */
function isHttp(request: Request): boolean {
  return request.is(0, "POST") || request.is(0, "HOST:");
}

function unknownCommand(request: Request): string {
  const shown: string[] = [];
  for (let index = 1; index < Math.min(request.argc, 5); index++)
    shown.push(`'${request.text(index).slice(0, 128)}'`);
  return `ERR unknown command '${request.text(0).slice(0, 128)}', with args beginning with: ${shown.join(" ")}`;
}

/** Why this client may not run this command, or `undefined`. */
function denial(session: Session, command: Command, request: Request): string | undefined {
  const { user } = session;
  if (user === undefined) return command.noAuth ? undefined : "NOAUTH Authentication required.";
  if (!user.mayWrite && (command.has("write") || command.has("admin")))
    return `NOPERM User ${user.name} is read-only and has no permissions to run the '${command.name}' command`;
  if (user.mayUseAllKeys) return undefined;
  if (command.has("admin"))
    return `NOPERM User ${user.name} has no permissions to run the '${command.name}' command`;
  let refused = false;
  command.forEachKey(request.argc, (index) => {
    if (!user.mayUseKey(request.view(index))) refused = true;
  });
  return refused ? "NOPERM No permissions to access a key" : undefined;
}
