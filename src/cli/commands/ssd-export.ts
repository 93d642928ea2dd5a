import { once } from "node:events";
import { open, rename, rm, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { KeepwarmError } from "../../errors.ts";
import { type ExportReport, exportDirectory } from "../../tiers/ssd/maintenance/export.ts";
import { formatBytes, formatCount } from "../../util/units.ts";
import { ExitCode } from "../exit-code.ts";
import type { Sink } from "../io.ts";
import type { OutputFlags } from "../output.ts";
import { plural } from "../render/plural.ts";
import { withProgress } from "../ssd/progress.ts";
import type { VerbContext } from "../verb.ts";

type Write = (bytes: Uint8Array) => Promise<void>;

export async function ssdExport(
  context: VerbContext,
  _flags: OutputFlags,
  directory: string,
  file: string,
): Promise<ExitCode> {
  const { io, out } = context;
  const exportTo = (write: Write): Promise<ExportReport> =>
    withProgress(context, "blocks", (onProgress) =>
      exportDirectory(resolve(io.cwd, directory), write, { signal: io.signal, onProgress }),
    );
  let report: ExportReport;
  if (file === "-") report = await exportTo((bytes) => writeTo(io.stdout, bytes));
  else {
    report = await toNewFile(resolve(io.cwd, file), exportTo);
    out.result({ ...report, file }, () => "");
  }
  out.note(
    `${formatCount(report.blocks)} blocks, ${formatBytes(report.bytes)} exported to ${file === "-" ? "stdout" : file}`,
  );
  if (report.damagedBlocks === 0) return ExitCode.ok;
  out.warn(`${plural(report.damagedBlocks, "block")} were damaged and are not in it`);
  return ExitCode.degraded;
}

/** Writes a file under another name until it is complete; leaves none behind that is not. */
async function toNewFile(
  path: string,
  exportTo: (write: Write) => Promise<ExportReport>,
): Promise<ExportReport> {
  if ((await stat(path).catch(() => undefined)) !== undefined)
    throw new KeepwarmError("INPUT_INVALID", `${path} is there already`, {
      remedy: "Name another file, or remove that one.",
    });
  const part = `${path}.part`;
  const handle = await open(part, "w", 0o600).catch((error: unknown) => {
    throw new KeepwarmError("INPUT_INVALID", `${path}: ${(error as Error).message}`, {
      cause: error,
      remedy: "Name a file in a folder that this user may write to.",
    });
  });
  try {
    const report = await exportTo((bytes) => handle.writeFile(bytes));
    await handle.sync();
    await rename(part, path);
    return report;
  } finally {
    await handle.close();
    await rm(part, { force: true });
  }
}

/** Writes to a stream as fast as it takes it. The bytes may change afterwards, so they are copied. */
async function writeTo(sink: Sink, bytes: Uint8Array): Promise<void> {
  const taken = sink.write(Buffer.from(bytes));
  if (taken === false && "once" in sink) await once(sink as NodeJS.WriteStream, "drain");
}
