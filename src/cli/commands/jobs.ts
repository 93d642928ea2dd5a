import type { JobReport } from "../../fronts/resp/jobs/job.ts";
import { formatBytes, formatCount } from "../../util/units.ts";
import { ExitCode } from "../exit-code.ts";
import { type ClientFlags, clientOptions, example } from "../options.ts";
import type { Output } from "../output.ts";
import { withServer } from "../server/connect.ts";
import { askJob, finish, jobAge, listJobs, total, waitForJob } from "../server/jobs.ts";
import type { DefineVerb, VerbContext } from "../verb.ts";

interface JobsFlags extends ClientFlags {
  readonly wait?: boolean;
  readonly cancel?: boolean;
}

export const define: DefineVerb = (command, bind) => {
  clientOptions(
    command
      .argument("[id]", "one job (default: all that are known)")
      .option("--wait", "wait for its end; the exit code tells how it went")
      .option("--cancel", "let it end after the block under way"),
  ).action(bind(run));
  example(command, "keepwarm jobs", "keepwarm jobs 3 --wait && echo done");
};

async function run(
  { io, out }: VerbContext,
  flags: JobsFlags,
  id: string | undefined,
): Promise<ExitCode> {
  return withServer(flags, io, async (connection) => {
    if (id === undefined) {
      const jobs = await listJobs(connection);
      out.result({ jobs }, () => table(out, jobs));
      if (jobs.length === 0) out.note("no job has run since the server started");
      return ExitCode.ok;
    }
    if (flags.cancel) await askJob(connection, "CANCEL", id);
    if (flags.wait) return finish(out, await waitForJob(connection, id, io, out.quiet));
    const job = await askJob(connection, "STATUS", id);
    out.result({ ...job, job: id }, () => table(out, [job]));
    return ExitCode.ok;
  });
}

function table(out: Output, jobs: readonly JobReport[]): string {
  return out.table(
    [
      { title: "JOB", align: "right" },
      { title: "KIND" },
      { title: "STATE" },
      { title: "TIME", align: "right" },
      { title: "CHOSEN", align: "right" },
      { title: "DONE", align: "right" },
      { title: "BYTES", align: "right" },
      { title: "AFTER", align: "right" },
      { title: "AS IS", align: "right" },
      { title: "FAILED", align: "right" },
    ],
    jobs.map((job) => [
      job.id,
      job.dryRun ? `${job.kind} (dry)` : job.kind,
      job.state,
      jobAge(job, Date.now()),
      formatCount(job.chosen),
      formatCount(job.done),
      formatBytes(job.bytes),
      formatBytes(job.bytesAfter),
      formatCount(total(job.asIs)),
      formatCount(total(job.failed)),
    ]),
  );
}
