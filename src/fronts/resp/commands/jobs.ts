import { type CodecName, codecNames } from "../../../codecs/codec.ts";
import { areBins } from "../../../codecs/cachegen/bins.ts";
import type { Request } from "../../../wire/resp/request.ts";
import type { CommandSpec } from "../command.ts";
import { jobKinds } from "../jobs/job.ts";
import type { JobOrder } from "../jobs/job-list.ts";
import type { Selection } from "../jobs/selection.ts";
import type { Session } from "../session.ts";

const usage =
  "ERR usage: KW.JOB START kind [CODEC name] [BINS n] [MATCH glob] [PREFIX text] [FAMILY name] [MODEL name] [TIER name] [IDLE ms] [DRYRUN] [KEYS key ...] | STATUS id | LIST | CANCEL id";

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** What START's arguments ask for; nothing when they cannot be understood. */
function orderOf(session: Session, request: Request): JobOrder | undefined {
  const kind = jobKinds.find((known) => request.is(2, known.toUpperCase()));
  if (kind === undefined) return undefined;
  const selection: Writable<Selection> = { keyspace: session.keyspace };
  let codec: CodecName | undefined;
  let bins: number | undefined;
  let dryRun = false;
  for (let index = 3; index < request.argc; index++) {
    if (request.is(index, "DRYRUN")) {
      dryRun = true;
      continue;
    }
    if (request.is(index, "KEYS")) {
      selection.keys = rest(request, index + 1);
      break;
    }
    const at = index + 1;
    if (at >= request.argc) return undefined;
    if (request.is(index, "CODEC")) codec = codecNames.find((name) => name === request.text(at));
    else if (request.is(index, "BINS")) bins = request.integer(at) ?? 0;
    else if (request.is(index, "MATCH")) selection.match = Buffer.from(request.view(at));
    else if (request.is(index, "PREFIX")) selection.prefix = Buffer.from(request.view(at));
    else if (request.is(index, "FAMILY")) selection.family = request.text(at);
    else if (request.is(index, "MODEL")) selection.model = request.text(at);
    else if (request.is(index, "TIER")) selection.tier = request.text(at);
    else if (request.is(index, "IDLE")) selection.idleMs = request.integer(at) ?? 0;
    else return undefined;
    if (request.is(index, "CODEC") && codec === undefined) return undefined;
    index++;
  }
  if (bins !== undefined && !areBins(bins)) return undefined;
  const encoding = codec && { codec, ...(bins !== undefined && { bins }) };
  return { kind, selection, dryRun, ...(encoding && { encoding }) };
}

function rest(request: Request, from: number): Buffer[] {
  return Array.from({ length: Math.max(0, request.argc - from) }, (_, index) =>
    Buffer.from(request.view(from + index)),
  );
}

function start(session: Session, request: Request): void {
  const { front, reply } = session;
  const order = orderOf(session, request);
  if (order === undefined) {
    reply.error(usage);
    return;
  }
  const job = front.jobs.start(order);
  if (typeof job === "string") reply.error(`ERR ${job}`);
  else reply.bulk(job.id);
}

function jobCommand(session: Session, request: Request): void {
  const { front, reply } = session;
  if (request.is(1, "START") && request.argc > 2) {
    start(session, request);
    return;
  }
  if (request.is(1, "LIST") && request.argc === 2) {
    reply.bulk(JSON.stringify(front.jobs.list()));
    return;
  }
  const isCancel = request.is(1, "CANCEL");
  if (request.argc !== 3 || (!isCancel && !request.is(1, "STATUS"))) {
    reply.error(usage);
    return;
  }
  const job = front.jobs.find(request.text(2));
  if (job === undefined) {
    reply.error(`ERR no job ${request.text(2)} is known`);
    return;
  }
  if (isCancel) job.cancel();
  reply.bulk(JSON.stringify(job.report()));
}

export const jobCommands: readonly CommandSpec[] = [
  {
    name: "kw.job",
    group: "keepwarm",
    arity: -2,
    flags: ["write", "admin"],
    summary: "Clears, warms, demotes, compresses or decompresses many blocks behind the reply.",
    run: jobCommand,
  },
];
