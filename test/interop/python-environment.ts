import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { KeepwarmError } from "../../src/errors.ts";
import { testCacheFolder } from "../../src/testing/servers/cache-folder.ts";
import { withLock } from "../../src/testing/servers/lock.ts";
import { run } from "../../src/testing/servers/run.ts";

const minimum = [3, 9] as const;
const installTimeoutMs = 30 * 60_000;

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

/** What a virtual environment holds beside its requirements. */
export interface EnvironmentOptions {
  /** Requirements installed as they are, without what they ask for. */
  readonly bare?: readonly string[];
  /** Interpreter of another such environment, whose packages are seen behind the own ones. */
  readonly base?: string;
}

/**
 * The interpreter of a virtual environment that has `requirements` (as pip takes them). Made the
 * first time, outside of the tree (see `testCacheFolder`), then kept by Python version and set.
 * Start it as `python -m ...`: programs in its `bin` folder do not find their interpreter.
 *
 * @throws KeepwarmError `NOT_FOUND` when pip cannot install them.
 */
export async function pythonEnvironment(
  python: Python,
  requirements: readonly string[],
  { bare = [], base }: EnvironmentOptions = {},
): Promise<string> {
  const names = [...requirements, ...bare.map((name) => `--no-deps ${name}`)];
  const identity = [...names, ...(base === undefined ? [] : [`base ${base}`])].toSorted();
  const key = createHash("sha256").update(identity.join("\n")).digest("hex");
  const folder = join(testCacheFolder(), "python");
  const home = join(folder, `${python.version}-${key.slice(0, 16)}`);
  const interpreter = join(home, "bin", "python");
  if (await exists(interpreter)) return interpreter;
  return withLock(`${home}.lock`, async () => {
    if (await exists(interpreter)) return interpreter;
    process.stderr.write(`keepwarm: installing ${names.join(", ")} into ${home}\n`);
    await mkdir(folder, { recursive: true });
    const temporary = await mkdtemp(join(folder, ".installing-"));
    try {
      const install = async (options: readonly string[], wanted: readonly string[]) => {
        const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...options];
        if (wanted.length > 0)
          await must(join(temporary, "bin", "python"), [...pip, ...wanted], names);
      };
      await must(python.command, ["-m", "venv", temporary], names);
      // before pip runs, so that it counts what is there
      if (base !== undefined)
        await writeFile(
          join(sitePackages(temporary, python), "base.pth"),
          `${sitePackages(dirname(dirname(base)), python)}\n`,
        );
      await install([], requirements);
      await install(["--no-deps"], bare);
      await rename(temporary, home);
    } catch (error) {
      if (!(await exists(interpreter))) throw error; // else another process, without a lock, was first
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
    return interpreter;
  });
}

function sitePackages(home: string, { version }: Python): string {
  return join(home, "lib", `python${version}`, "site-packages");
}

async function must(
  command: string,
  args: readonly string[],
  requirements: readonly string[],
): Promise<void> {
  const { code, stderr } = await run(command, args, { timeoutMs: installTimeoutMs });
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
