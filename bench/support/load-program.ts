import { execFile } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { access, mkdir, readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { KeepwarmError } from "../../src/errors.ts";
import { testCacheFolder } from "../../src/testing/servers/cache-folder.ts";

const sources = join(import.meta.dirname, "..", "load");
const flags = ["-O3", "-std=gnu11", "-pthread"];
const run = promisify(execFile);

/**
 * The path of the compiled C load program, compiling it if these sources were not compiled before.
 * It lives in the user's cache folder, named by the hash of its sources.
 *
 * @throws KeepwarmError `NOT_FOUND` without a C compiler (`cc`, or what `CC` names), `UNSUPPORTED`
 *   when it refuses the sources
 */
export async function compileLoadProgram(): Promise<string> {
  const compiler = process.env.CC ?? "cc";
  const names = (await readdir(sources)).filter((name) => /\.[ch]$/.test(name)).toSorted();
  const hash = createHash("sha256").update([compiler, ...flags].join(" "));
  for (const name of names) hash.update(await readFile(join(sources, name)));
  const folder = join(testCacheFolder(), "bench");
  const path = join(folder, `load-${hash.digest("hex").slice(0, 16)}`);
  if (await exists(path)) return path;

  await mkdir(folder, { recursive: true });
  const fresh = `${path}.${randomUUID()}`;
  const files = names.filter((name) => name.endsWith(".c")).map((name) => join(sources, name));
  try {
    await run(compiler, [...flags, "-o", fresh, ...files]);
  } catch (cause) {
    throw compileFailure(compiler, cause as Error & { code?: unknown; stderr?: string });
  }
  await rename(fresh, path);
  return path;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function compileFailure(
  compiler: string,
  cause: Error & { code?: unknown; stderr?: string },
): KeepwarmError {
  // An exit code is a number, the failure to start a program a word such as ENOENT.
  if (typeof cause.code === "number")
    return new KeepwarmError(
      "UNSUPPORTED",
      `The load program does not compile here:\n${cause.stderr}`,
      { remedy: "It needs Linux, pthreads and C11 with GNU extensions.", cause },
    );
  return new KeepwarmError(
    "NOT_FOUND",
    `The bench needs a C compiler; ${compiler} does not start`,
    {
      remedy: "Install one (apt-get install gcc libc6-dev), or name it in CC.",
      cause,
    },
  );
}
