import { join } from "node:path";
import { markdownTable } from "../support/markdown.ts";
import { Progress } from "../support/progress.ts";
import { shuffled } from "../support/stats.ts";
import type { BlockKeeper } from "./block-keeper.ts";
import { sizeName } from "./cells.ts";
import { FileKeeper } from "./file-keeper.ts";
import { LmdbKeeper } from "./lmdb-keeper.ts";
import { Slots } from "./slots.ts";
import type { Surroundings } from "./surroundings.ts";
import { TierKeeper } from "./tier-keeper.ts";
import { figuresOf, runTrial, type Figures, type Trial } from "./trial.ts";

const names = ["tier", "files", "lmdb"] as const;
type KeeperName = (typeof names)[number];

interface StoreResult {
  readonly size: number;
  readonly op: "write" | "read";
  readonly keepers: Readonly<Record<KeeperName, Figures>>;
}

export interface StoreResults {
  readonly bytesKept: number;
  readonly depth: number;
  readonly rows: readonly StoreResult[];
}

const depth = 4;
const sizes = [256 * 1024, 1024 ** 2, 4 * 1024 ** 2];
const bytesKept = 512 * 1024 ** 2;

/** The tier's log beside one file a block and beside lmdb. */
export async function measureStores(around: Surroundings): Promise<StoreResults> {
  const { rounds, seconds } = around;
  const progress = new Progress(sizes.length * 2 * rounds * names.length);
  const rows: StoreResult[] = [];
  for (const size of sizes) {
    await using keepers = await openAll(around.directory, size);
    for (const op of ["write", "read"] as const) {
      const trials: Record<KeeperName, Trial[]> = { tier: [], files: [], lmdb: [] };
      for (let round = 0; round < rounds; round++)
        for (const name of shuffled(names)) {
          progress.step(`${op} ${sizeName(size)}, round ${round + 1} of ${rounds}, ${name}`);
          trials[name].push(await trial(keepers.all[name], op, seconds));
        }
      const [tier, files, lmdb] = names.map((name) => figuresOf(trials[name]));
      rows.push({ size, op, keepers: { tier, files, lmdb } });
      progress.line(line(rows.at(-1)!).join("  "));
    }
  }
  return { bytesKept, depth, rows };
}

export function renderStores({ rows, bytesKept, depth }: StoreResults): string {
  return [
    "## A log, a file a block, lmdb",
    `${depth} blocks under way, ${bytesKept / 1024 ** 2} MiB kept, the oldest go first; writes count until they are on ` +
      "the disk, reads come from it. GB/s, CPU of the process in s/GB, p99 in ms. What the kernel writes later for " +
      "files and lmdb is not in their CPU.",
    markdownTable(["", "segment log", "a file a block", "lmdb"], rows.map(line)),
  ].join("\n\n");
}

function line({ op, size, keepers }: StoreResult): string[] {
  const cells = names.map((name) => {
    const { gigabytesPerSecond, cpuSecondsPerGigabyte, p99Ms } = keepers[name];
    return `${gigabytesPerSecond.toFixed(2)}, ${cpuSecondsPerGigabyte.toFixed(2)}, ${p99Ms.toFixed(1)}`;
  });
  return [`${op} ${sizeName(size)}`, ...cells];
}

async function trial(keeper: BlockKeeper, op: "write" | "read", seconds: number): Promise<Trial> {
  if (op === "read") {
    await keeper.forgetCache();
    return runTrial({ depth, seconds }, () => keeper.read());
  }
  return runTrial(
    { depth, seconds },
    () => keeper.write(),
    () => keeper.flush(),
  );
}

async function openAll(
  directory: string,
  size: number,
): Promise<AsyncDisposable & { readonly all: Record<KeeperName, BlockKeeper> }> {
  const slots = new Slots(size, 64);
  const most = bytesKept / size;
  const at = (name: KeeperName) => join(directory, `${name}-${size}`);
  const all = {
    tier: await TierKeeper.open(at("tier"), slots, size, bytesKept, true, () => depth),
    files: await FileKeeper.open(at("files"), slots, size, most),
    lmdb: await LmdbKeeper.open(at("lmdb"), slots, size, most),
  };
  for (const name of names) {
    let left = most * 1.25;
    const lane = async () => {
      while (left-- > 0) await all[name].write();
    };
    await Promise.all(Array.from({ length: depth }, lane));
    await all[name].flush();
  }
  return {
    all,
    [Symbol.asyncDispose]: async () => {
      for (const name of names) await all[name][Symbol.asyncDispose]();
    },
  };
}
