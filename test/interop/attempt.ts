import type { Check } from "./peer.ts";

/** A check of our own: passed unless `body` throws. */
export async function attempt(
  variant: string,
  name: string,
  body: () => Promise<void>,
): Promise<Check> {
  const began = performance.now();
  const elapsedMs = (): number => Math.round(performance.now() - began);
  try {
    await body();
    return { variant, name, passed: true, elapsedMs: elapsedMs() };
  } catch (error) {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { variant, name, passed: false, elapsedMs: elapsedMs(), reason };
  }
}
