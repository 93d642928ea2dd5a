import { setTimeout as sleep } from "node:timers/promises";
import { KeepwarmError } from "../../errors.ts";

/**
 * Asks until the answer is true; an error is a no.
 *
 * @throws KeepwarmError `TIMEOUT` after `deadlineMs`, default 30 s
 */
export async function pollUntil(
  what: string,
  condition: () => Promise<boolean>,
  deadlineMs: number = 30_000,
): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    if (await condition().catch(() => false)) return;
    if (performance.now() > deadline)
      throw new KeepwarmError("TIMEOUT", `${what}: not so after ${deadlineMs} ms`);
    await sleep(25);
  }
}
