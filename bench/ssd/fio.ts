import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { findBinary, type Binary } from "../../src/testing/servers/binaries.ts";
import type { DiskCell } from "./cells.ts";
import { flushToDisk, segmentFiles } from "./page-cache.ts";
import type { Trial } from "./trial.ts";

const run = promisify(execFile);

interface FioSide {
  readonly io_bytes: number;
  /** ms */
  readonly runtime: number;
  readonly clat_ns: { readonly percentile?: Readonly<Record<string, number>> };
}

interface FioJob {
  readonly read: FioSide;
  readonly write: FioSide;
  /** Percent of `job_runtime`. */
  readonly usr_cpu: number;
  readonly sys_cpu: number;
  /** ms, of all threads together. */
  readonly job_runtime: number;
}

/**
 * The same pattern by fio: reads at random from the tier's own files, writes one after the other over
 * a file of its own that has been written before. O_DIRECT by libaio; through the page cache, where
 * libaio waits for each, by as many threads as blocks are under way.
 */
export class Fio {
  readonly #binary: Binary;
  readonly #directory: string;
  readonly #bytes: number;

  private constructor(binary: Binary, directory: string, bytes: number) {
    this.#binary = binary;
    this.#directory = directory;
    this.#bytes = bytes;
  }

  /** @param bytes of the file that is written to, as many as the tier has */
  static async open(directory: string, bytes: number): Promise<Fio> {
    const fio = new Fio(await findBinary("fio"), directory, bytes);
    await fio.#run([...fio.#writing, "--bs=4m", "--direct=1", "--ioengine=libaio", "--iodepth=4"]);
    return fio;
  }

  async version(): Promise<string> {
    const { stdout } = await run(this.#binary.path, ["--version"], { env: this.#binary.env });
    return stdout.trim();
  }

  async trial({ op, size, depth, direct }: DiskCell, seconds: number): Promise<Trial> {
    const threads = ["--ioengine=psync", `--numjobs=${depth}`, "--thread", "--group_reporting"];
    const job = await this.#run([
      ...(op === "read" ? this.#reading : this.#writing),
      ...(op === "write" && !direct ? this.#apart(depth, size) : []),
      ...(direct ? ["--direct=1", "--ioengine=libaio", `--iodepth=${depth}`] : threads),
      `--bs=${size}`,
      "--time_based",
      `--runtime=${Math.round(seconds * 1000)}ms`,
    ]);
    if (op === "write") await flushToDisk([this.#file]);
    return trialOf(job, op);
  }

  /** Reads at random from the file that {@link Fio.open} made; leaves the CPUs to whoever wants them. */
  async readOwn(size: number, depth: number, seconds: number): Promise<Trial> {
    const job = await this.#run([
      ...this.#writing,
      "--rw=randread",
      "--nice=19",
      "--direct=1",
      "--ioengine=libaio",
      `--iodepth=${depth}`,
      `--bs=${size}`,
      "--time_based",
      `--runtime=${Math.round(seconds * 1000)}ms`,
    ]);
    return trialOf(job, "read");
  }

  get #file(): string {
    return join(this.#directory, "fio.bin");
  }

  get #writing(): string[] {
    return ["--rw=write", `--filename=${this.#file}`, `--size=${this.#bytes}`];
  }

  get #reading(): string[] {
    const files = segmentFiles(join(this.#directory, "tier"));
    const names = `--filename=${files.join(":")}`;
    return ["--rw=randread", names, `--size=${this.#bytes}`, "--file_service_type=random"];
  }

  /** Each thread writes to a part of the file of its own. */
  #apart(threads: number, size: number): string[] {
    const part = Math.floor(this.#bytes / threads / size) * size;
    return [`--size=${part}`, `--offset_increment=${part}`];
  }

  async #run(args: readonly string[]): Promise<FioJob> {
    const { stdout } = await run(
      this.#binary.path,
      ["--name=bench", "--output-format=json", "--randrepeat=0", "--fallocate=none", ...args],
      { env: this.#binary.env, maxBuffer: 64 * 1024 ** 2 },
    );
    const { jobs } = JSON.parse(stdout.slice(stdout.indexOf("{"))) as { jobs: FioJob[] };
    return jobs[0];
  }
}

function trialOf(job: FioJob, op: DiskCell["op"]): Trial {
  const { io_bytes, runtime, clat_ns } = job[op];
  return {
    bytes: io_bytes,
    seconds: runtime / 1000,
    p99Ms: (clat_ns.percentile?.["99.000000"] ?? Number.NaN) / 1e6,
    cpuSeconds: (((job.usr_cpu + job.sys_cpu) / 100) * job.job_runtime) / 1000,
  };
}
