import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";

import { KeepwarmError } from "../../src/errors.ts";
import { testCacheFolder } from "../../src/testing/servers/cache-folder.ts";
import { withLock } from "../../src/testing/servers/lock.ts";
import { run } from "../../src/testing/servers/run.ts";

const minimum = [3, 9] as const;

/** A Python interpreter that can make virtual environments. */
export interface Python {
  readonly command: string;
  /** Such as `3.11`. */
  readonly version: string;
}

/**
 * The Python to work with.
 *
 * @throws KeepwarmError `NOT_FOUND` when it is missing, too old or lacks venv.
 */
export async function findPython(command = "python3"): Promise<Python> {
  const program = "import sys, venv, ensurepip; print(*sys.version_info[:2], sep='.')";
  const { code, stdout, stderr } = await run(command, ["-c", program]);
  const version = stdout.trim();
  if (code !== 0)
    throw new KeepwarmError(
      "NOT_FOUND",
      `${command} cannot make virtual environments: ${stderr.trim().split("\n").at(-1)}`,
      {
        remedy:
          "Install Python with venv (apt-get install python3-venv), or name another one with --python.",
      },
    );
  const [major, minor] = version.split(".").map(Number);
  if (major < minimum[0] || (major === minimum[0] && minor < minimum[1]))
    throw new KeepwarmError("NOT_FOUND", `${command} is Python ${version}`, {
      remedy: `Python ${minimum.join(".")} or newer is needed; name another one with --python.`,
    });
  return { command, version };
}

/**
 * The interpreter of a virtual environment that has `requirements` (as pip takes them). Made the
 * first time, outside of the tree (see `testCacheFolder`), then kept by Python version and set.
 *
 * @throws KeepwarmError `NOT_FOUND` when pip cannot install them.
 */
export async function pythonEnvironment(
  python: Python,
  requirements: readonly string[],
): Promise<string> {
  const key = createHash("sha256").update(requirements.toSorted().join("\n")).digest("hex");
  const folder = join(testCacheFolder(), "python");
  const home = join(folder, `${python.version}-${key.slice(0, 16)}`);
  const interpreter = join(home, "bin", "python");
  if (await exists(interpreter)) return interpreter;
  return withLock(`${home}.lock`, async () => {
    if (await exists(interpreter)) return interpreter;
    process.stderr.write(`keepwarm: installing ${requirements.join(", ")} into ${home}\n`);
    await mkdir(folder, { recursive: true });
    const temporary = await mkdtemp(join(folder, ".installing-"));
    try {
      await must(python.command, ["-m", "venv", temporary], requirements);
      const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
      await must(join(temporary, "bin", "python"), [...pip, ...requirements], requirements);
      await rename(temporary, home);
    } catch (error) {
      if (!(await exists(interpreter))) throw error; // else another process, without a lock, was first
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
    return interpreter;
  });
}

async function must(
  command: string,
  args: readonly string[],
  requirements: readonly string[],
): Promise<void> {
  const { code, stderr } = await run(command, args);
  if (code === 0) return;
  const reason = stderr.trim().split("\n").slice(-4).join("\n");
  throw new KeepwarmError(
    "NOT_FOUND",
    `${requirements.join(", ")} cannot be installed: ${reason}`,
    {
      remedy: "Check the network and that this Python's version has these packages.",
    },
  );
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
