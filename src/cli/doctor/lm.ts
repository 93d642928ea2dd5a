import type { BlockStore } from "../../store/contract.ts";
import { formatDuration } from "../../util/units.ts";
import { Findings } from "./finding.ts";
import type { Examination } from "./target.ts";

/** An lm:// server: there are no settings to ask for, and blocks cannot be deleted, so it only answers. */
export async function examineLm(
  url: string,
  { deadlineMs, signal }: Examination,
): Promise<Findings> {
  const { LmStore } = await import("../../backends/lm/lm-store.ts");
  const store: BlockStore & { check(options: { signal: AbortSignal }): Promise<void> } =
    new LmStore({ url, deadlineMs, connectDeadlineMs: deadlineMs });
  const found = new Findings(url);
  try {
    const began = performance.now();
    await store.check({ signal });
    found.ok("reach", `answers after ${formatDuration(performance.now() - began)}`);
    found.ok("auth", "lm:// has none: keep its port from others");
  } catch (error) {
    if (signal.aborted) throw error;
    found.problem(
      "reach",
      error instanceof Error ? error.message : String(error),
      "Check that `keepwarm serve --lm-port` or lmcache_server runs there.",
    );
  } finally {
    await store.close();
  }
  return found;
}
