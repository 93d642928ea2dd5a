import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";

import { KeepwarmError } from "../errors.ts";
import { onPath } from "./on-path.ts";

/**
 * Runs `work` while this process alone, of all that name the same lock file, is at it. The kernel
 * frees the lock however the holder ends. Without flock(1) (macOS) work runs unlocked, so `work`
 * must publish its result atomically in any case: the lock only saves doing it twice.
 */
export async function withLock<T>(file: string, work: () => Promise<T>): Promise<T> {
  const flock = await onPath("flock");
  if (flock === undefined) return work();
  await mkdir(dirname(file), { recursive: true }).catch((cause: unknown) => {
    throw cannotLock(file, { cause });
  });
  // The shell keeps the lock until its standard input, a pipe from this process, closes.
  const holder = spawn(flock, [file, "/bin/sh", "-c", "echo held; cat"], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  const exited = once(holder, "exit");
  try {
    const held = await Promise.race([once(holder.stdout, "data"), exited.then(() => undefined)]);
    if (held === undefined) throw cannotLock(file);
    return await work();
  } finally {
    holder.stdin.end();
    await exited;
  }
}

function cannotLock(file: string, options: ErrorOptions = {}): KeepwarmError {
  return new KeepwarmError("INPUT_INVALID", `${file} cannot be made`, {
    ...options,
    remedy: "Set KEEPWARM_TEST_CACHE to a folder that this user may write.",
  });
}
