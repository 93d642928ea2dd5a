import type { MaintenanceProgress } from "../../tiers/ssd/maintenance/offline-store.ts";
import { formatBytes, formatCount } from "../../util/units.ts";
import { Progress } from "../render/progress.ts";
import type { VerbContext } from "../verb.ts";

/** Runs work on a data directory with a line of progress: `12 of 64 segments, 1.5 GiB, 900 MiB/s`. */
export async function withProgress<T>(
  { io, out }: VerbContext,
  noun: string,
  work: (onProgress: (progress: MaintenanceProgress) => void) => Promise<T>,
): Promise<T> {
  const progress = new Progress(io, out.quiet);
  const began = performance.now();
  try {
    return await work(({ done, of, bytes }) =>
      progress.update(() => {
        const rate = bytes / Math.max(0.001, (performance.now() - began) / 1000);
        const share = of > 0 ? ` of ${formatCount(of)}` : "";
        return `${formatCount(done)}${share} ${noun}, ${formatBytes(bytes)}, ${formatBytes(rate)}/s`;
      }),
    );
  } finally {
    progress.done();
  }
}
