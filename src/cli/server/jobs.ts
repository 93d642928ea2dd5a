import { setTimeout } from "node:timers/promises";
import type { RespConnection } from "../../backends/valkey/connection.ts";
import { KeepwarmError } from "../../errors.ts";
import type { JobKind, JobReport } from "../../fronts/resp/jobs/job.ts";
import { formatBytes, formatCount, formatDuration } from "../../util/units.ts";
import { replyText } from "../../wire/resp/reply.ts";
import type { Argument } from "../../wire/resp/request-encoder.ts";
import { ExitCode } from "../exit-code.ts";
import type { CliIo } from "../io.ts";
import type { Output } from "../output.ts";
import { Progress } from "../render/progress.ts";
import { plural } from "../render/plural.ts";
import type { VerbContext } from "../verb.ts";
import { type SelectorFlags, selectorWords } from "./select.ts";
import { knowsCommand } from "./snapshot.ts";

const POLL_MS = 200;

/** Fails when the server runs no jobs. */
async function requireJobs(connection: RespConnection): Promise<void> {
  if (await knowsCommand(connection, ["KW.JOB", "LIST"])) return;
  throw new KeepwarmError("UNSUPPORTED", `${connection.label} runs no jobs`, {
    remedy: "Use a Keepwarm server of this version.",
  });
}

/** What a verb asks a server to do behind its back. */
export interface JobFlags extends SelectorFlags {
  readonly dryRun?: boolean;
  readonly background?: boolean;
}

/**
 * Starts a job over the blocks that names or flags choose, and waits for it unless it is to run in the
 * background.
 */
export async function runJob(
  { io, out }: VerbContext,
  connection: RespConnection,
  kind: JobKind,
  names: readonly string[],
  flags: JobFlags,
  more: readonly string[] = [],
): Promise<ExitCode> {
  await requireJobs(connection);
  const chosen = await selectorWords(connection, kind, names, flags, io);
  const words = [...more, ...(flags.dryRun ? ["DRYRUN"] : []), ...chosen];
  const reply = await connection.command(["KW.JOB", "START", kind, ...words]);
  const id = replyText(reply) ?? "";
  if (flags.background) {
    out.result({ job: id, kind }, () => id);
    out.note(`job ${id} runs on the server; \`keepwarm jobs ${id} --wait\` waits for its end`);
    return ExitCode.ok;
  }
  return finish(out, await waitForJob(connection, id, io, out.quiet));
}

/** The end of a job, with a line of progress until then. Ctrl-C leaves it running. */
export async function waitForJob(
  connection: RespConnection,
  id: string,
  io: CliIo,
  quiet: boolean,
): Promise<JobReport> {
  const progress = new Progress(io, quiet);
  try {
    for (let waitMs = 5; ; waitMs = Math.min(POLL_MS, waitMs * 2)) {
      const job = await askJob(connection, "STATUS", id);
      if (job.state !== "running") return job;
      progress.update(
        () => `job ${id}: ${formatCount(job.done)} blocks done, ${formatBytes(job.bytes)}`,
      );
      await setTimeout(waitMs, undefined, { signal: io.signal });
    }
  } finally {
    progress.done();
  }
}

/** One job, after `command` (STATUS or CANCEL). Throws `NOT_FOUND` for one that is not known. */
export async function askJob(
  connection: RespConnection,
  command: "STATUS" | "CANCEL",
  id: string,
): Promise<JobReport> {
  await requireJobs(connection);
  const known = await listJobs(connection);
  if (!known.some((job) => job.id === id))
    throw new KeepwarmError("NOT_FOUND", `${connection.label} knows no job ${id}`, {
      remedy: "See `keepwarm jobs`; the last 64 that ended are remembered, until the server does.",
    });
  return json<JobReport>(connection, ["KW.JOB", command, id]);
}

export async function listJobs(connection: RespConnection): Promise<readonly JobReport[]> {
  await requireJobs(connection);
  return json<JobReport[]>(connection, ["KW.JOB", "LIST"]);
}

/** Prints what a job did. */
export function finish(out: Output, job: JobReport): ExitCode {
  out.result({ ...job, job: job.id }, () => "");
  const asIs = total(job.asIs);
  const failed = total(job.failed);
  const rest = [
    asIs > 0 ? `; ${plural(asIs, "block")} left as is (${reasons(job.asIs)})` : "",
    failed > 0 ? `; ${plural(failed, "block")} failed (${reasons(job.failed)})` : "",
  ].join("");
  const text = `${inWords(job)}${rest}`;
  if (job.state === "failed" || job.state === "cancelled") {
    out.warn(
      `job ${job.id} ${job.state}${job.error === undefined ? "" : `: ${job.error}`}; ${text}`,
    );
    return ExitCode.failed;
  }
  if (failed > 0) out.warn(text);
  else out.note(text);
  return failed > 0 ? ExitCode.degraded : ExitCode.ok;
}

/** "compressed 3 blocks, 24 MiB to 16 MiB". */
function inWords({ kind, dryRun, done, bytes, bytesAfter }: JobReport): string {
  const past = { clear: "removed", warm: "warmed", demote: "demoted" } as const;
  const what = `${plural(done, "block")}, ${formatBytes(bytes)}`;
  if (dryRun) return `would ${kind} ${what}`;
  if (kind === "compress" || kind === "decompress")
    return `${kind}ed ${what} to ${formatBytes(bytesAfter)}`;
  return `${past[kind]} ${what}`;
}

/** How long a job has run, or ran. */
export function jobAge({ startedAt, endedAt }: JobReport, now: number): string {
  return formatDuration(Math.max(0, (endedAt ?? now) - startedAt));
}

/** How many blocks, whatever the reason. */
export function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function reasons(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([why, count]) => `${formatCount(count)} ${why.replaceAll("-", " ")}`)
    .join(", ");
}

async function json<T>(connection: RespConnection, command: readonly Argument[]): Promise<T> {
  return JSON.parse(replyText(await connection.command(command)) ?? "null") as T;
}
