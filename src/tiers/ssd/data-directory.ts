import { randomBytes } from "node:crypto";
import { promises as fs, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { KeepwarmError } from "../../errors.ts";
import { STORE_ID_BYTES } from "./layout.ts";
import { Segment } from "./segment.ts";

const FORMAT = "keepwarm-ssd";
const FORMAT_VERSION = 1;
export const SUPERBLOCK = "keepwarm-ssd.json";
const LOCK = "lock.json";

/** A lock is renewed this often, in ms; one of another machine that was not for long is stale. */
const RENEW_MS = 5000;
const STALE_MS = 30_000;

/** Versions of one session; 2^17 sessions fit a double. */
export const VERSIONS_A_SESSION: number = 2 ** 36;

/** What `keepwarm-ssd.json` says about the directory. */
export interface Superblock {
  readonly format: typeof FORMAT;
  readonly version: typeof FORMAT_VERSION;
  /** 16 hex digits. */
  readonly storeId: string;
  readonly segmentBytes: number;
  /** How often the directory was opened: versions of one session are above those of all before. */
  readonly session: number;
}

/** What a superblock says that the segments say as well. */
export type SuperblockFacts = Pick<Superblock, "storeId" | "segmentBytes">;

/** A data directory that this process holds alone. */
export class DataDirectory {
  readonly path: string;
  readonly superblock: Superblock;
  readonly #renewal: NodeJS.Timeout;

  private constructor(path: string, superblock: Superblock) {
    this.path = path;
    this.superblock = superblock;
    this.#renewal = setInterval(() => {
      const now = new Date();
      void fs.utimes(join(path, LOCK), now, now).catch(() => undefined);
    }, RENEW_MS).unref();
  }

  get storeId(): Buffer {
    return Buffer.from(this.superblock.storeId, "hex");
  }

  /**
   * Locks the directory and begins a session in it, making it when it is not there.
   *
   * Throws `CONFIG_INVALID` when another process has it, its format is unknown, or it cannot be used.
   * @param segmentBytes - for a new directory; an old one keeps its own.
   */
  static async open(path: string, segmentBytes: number): Promise<DataDirectory> {
    try {
      await fs.mkdir(path, { recursive: true });
    } catch (error) {
      throw unusable(path, error);
    }
    await lock(path);
    try {
      const before = await DataDirectory.read(path);
      if (before === undefined) await refuseOrphans(path);
      const superblock = superblockOf({
        storeId: before?.storeId ?? randomBytes(STORE_ID_BYTES).toString("hex"),
        segmentBytes: before?.segmentBytes ?? segmentBytes,
        session: (before?.session ?? 0) + 1,
      });
      await writeSuperblock(path, superblock);
      return new DataDirectory(path, superblock);
    } catch (error) {
      await fs.rm(join(path, LOCK), { force: true });
      throw error instanceof KeepwarmError ? error : unusable(path, error);
    }
  }

  /**
   * Locks a directory that is there without beginning a session in it: for maintenance.
   *
   * Throws `INPUT_INVALID` when it is no data directory, and otherwise as {@link DataDirectory.open}.
   * @param lost - what stood in a superblock that cannot be read any more.
   */
  static async hold(path: string, lost?: SuperblockFacts): Promise<DataDirectory> {
    const superblock =
      lost === undefined ? await DataDirectory.read(path) : superblockOf({ ...lost, session: 0 });
    if (superblock === undefined)
      throw new KeepwarmError("INPUT_INVALID", `${path} has no ${SUPERBLOCK}`, {
        remedy: "Name the directory that `ssd.dir` names.",
      });
    await lock(path);
    return new DataDirectory(path, superblock);
  }

  /** Writes the superblock anew, as it was when the directory was opened `session` times. */
  static async restore(path: string, facts: SuperblockFacts, session: number): Promise<void> {
    await writeSuperblock(path, superblockOf({ ...facts, session }));
  }

  /** The superblock of a directory, or `undefined` when it has none. */
  static async read(path: string): Promise<Superblock | undefined> {
    let text: string;
    try {
      text = await fs.readFile(join(path, SUPERBLOCK), "utf8");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw unusable(path, error);
    }
    const found = parse(text);
    if (found?.format !== FORMAT)
      throw new KeepwarmError("CONFIG_INVALID", `${join(path, SUPERBLOCK)} is damaged`, {
        remedy:
          "Run `keepwarm ssd repair` on the directory, which makes that file anew, or give another directory.",
      });
    if (found.version !== FORMAT_VERSION)
      throw new KeepwarmError(
        "CONFIG_INVALID",
        `${path} was written in format ${String(found.version)}; this version of Keepwarm reads format ${FORMAT_VERSION}`,
        {
          remedy:
            "Use the version that wrote it (`keepwarm ssd export` there, `keepwarm ssd import` here), or give another directory.",
        },
      );
    return found as Superblock;
  }

  async close(): Promise<void> {
    clearInterval(this.#renewal);
    await fs.rm(join(this.path, LOCK), { force: true });
  }
}

/** Segments without a superblock would be taken for another store's, and written over. */
async function refuseOrphans(path: string): Promise<void> {
  const names = await fs.readdir(path);
  if (names.every((name) => Segment.numberOf(name) === undefined)) return;
  throw new KeepwarmError("CONFIG_INVALID", `${path} has segments but no ${SUPERBLOCK}`, {
    remedy:
      "Run `keepwarm ssd repair` on the directory, which makes that file anew, or empty it, or give another directory.",
  });
}

function superblockOf(facts: Omit<Superblock, "format" | "version">): Superblock {
  return { format: FORMAT, version: FORMAT_VERSION, ...facts };
}

function writeSuperblock(path: string, superblock: Superblock): Promise<void> {
  return replaceFile(path, SUPERBLOCK, `${JSON.stringify(superblock, undefined, 2)}\n`);
}

function parse(text: string): Partial<Record<keyof Superblock, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function unusable(path: string, cause: unknown): KeepwarmError {
  return new KeepwarmError(
    "CONFIG_INVALID",
    `cannot use ${path} as a data directory: ${(cause as Error).message}`,
    { cause, remedy: "Name a directory on a disk that this user may write to." },
  );
}

/** Replaces a small file so that after a crash it has the old text or the new one. */
async function replaceFile(directory: string, name: string, text: string): Promise<void> {
  const temporary = join(directory, `${name}.new`);
  const handle = await fs.open(temporary, "w", 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await fs.rename(temporary, join(directory, name));
  const parent = await fs.open(directory, "r");
  try {
    await parent.sync();
  } finally {
    await parent.close();
  }
}

interface LockHolder {
  readonly pid: number;
  /** When the process began, as the kernel tells it: tells it from a later one with the same pid. */
  readonly started: string;
  readonly host: string;
}

async function lock(path: string): Promise<void> {
  const file = join(path, LOCK);
  const mine: LockHolder = { pid: process.pid, started: startOf(process.pid), host: hostname() };
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      await fs.writeFile(file, JSON.stringify(mine), { flag: "wx", mode: 0o600 });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw unusable(path, error);
    }
    const text = await fs.readFile(file, "utf8").catch(() => "");
    const renewedAt = (await fs.stat(file).catch(() => undefined))?.mtimeMs ?? 0;
    const holder = parse(text) as Partial<LockHolder> | undefined;
    if (holder !== undefined && isAlive(holder, renewedAt))
      throw new KeepwarmError(
        "CONFIG_INVALID",
        `${path} is in use by another process (pid ${String(holder.pid)} on ${String(holder.host)})`,
        { remedy: "Stop that process, or give this one a directory of its own." },
      );
    await takeAway(file, text);
  }
  throw unusable(path, new Error("another process is starting on it"));
}

/** Removes the lock of a process that is gone; leaves one that was renewed meanwhile. */
async function takeAway(file: string, stale: string): Promise<void> {
  const aside = `${file}.${process.pid}`;
  try {
    await fs.rename(file, aside);
    if ((await fs.readFile(aside, "utf8")) !== stale) await fs.link(aside, file);
  } catch {
    // Somebody else was faster.
  } finally {
    await fs.rm(aside, { force: true });
  }
}

function isAlive({ pid, started, host }: Partial<LockHolder>, renewedAt: number): boolean {
  if (host !== hostname()) return Date.now() - renewedAt < STALE_MS;
  if (typeof pid !== "number") return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  return started === startOf(pid);
}

/** When a process began; empty where the system has no /proc. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // Dead, though nobody has collected it: a container's first process may never do.
    return fields[0] === "Z" || fields[0] === "X" ? "dead" : fields[19];
  } catch {
    return "";
  }
}
