import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { SsdTier } from "../../src/tiers/ssd/ssd-tier.ts";
import { startKeepwarm } from "../support/keepwarm.ts";
import { markdownTable } from "../support/markdown.ts";
import type { RunningServer } from "../support/running-server.ts";
import { Slots } from "./slots.ts";
import type { Surroundings } from "./surroundings.ts";

/** One start of a server on a data directory. */
interface Start {
  readonly name: string;
  /** From the start of the process to its ready line. */
  readonly readySeconds: number;
  /** To an index with everything in it. */
  readonly loadedSeconds: number;
  readonly blocks: number;
  /** Resident memory then, arena of the RAM tier included. */
  readonly rssBytes: number;
  /** What the index says of itself. */
  readonly indexBytes: number;
}

export interface RestartResults {
  readonly blocks: number;
  readonly valueBytes: number;
  readonly keyBytes: number;
  readonly starts: readonly Start[];
}

interface SsdFigures {
  readonly name: string;
  readonly blocks: number;
  readonly indexBytes: number;
  readonly load: { readonly done: boolean };
}

const valueBytes = 256;
const ssdBytes = 2 * 1024 ** 3;
const longestSeconds = 120;

/** How long a server takes to know a disk full of small blocks again. */
export async function measureRestart({ directory, quick }: Surroundings): Promise<RestartResults> {
  const blocks = quick ? 100_000 : 1_000_000;
  const place = join(directory, "restart");
  const keyBytes = await fill(place, blocks);
  const starts = [
    await start("empty directory", join(directory, "empty")),
    await start("after a clean end", place, "SIGKILL"),
    await start("after kill -9", place),
  ];
  return { blocks, valueBytes, keyBytes, starts };
}

export function renderRestart({ blocks, valueBytes, keyBytes, starts }: RestartResults): string {
  const [empty] = starts;
  return [
    "## Restart",
    `${blocks} blocks of ${valueBytes} bytes with keys of ${keyBytes}. RSS a block: what the process takes more than on an ` +
      "empty directory, keys included; index a block: what the index itself counts, without the key.",
    markdownTable(
      ["", "ready s", "full index s", "blocks", "RSS MB", "RSS a block", "index a block"],
      starts.map((start) => [
        start.name,
        start.readySeconds.toFixed(2),
        start.loadedSeconds.toFixed(2),
        String(start.blocks),
        (start.rssBytes / 1e6).toFixed(0),
        each(start.rssBytes - empty.rssBytes, start.blocks),
        each(start.indexBytes - start.blocks * keyBytes, start.blocks),
      ]),
    ),
  ].join("\n\n");
}

function each(bytes: number, blocks: number): string {
  return blocks === 0 ? "-" : (bytes / blocks).toFixed(0);
}

/** @returns bytes of a key */
async function fill(directory: string, blocks: number): Promise<number> {
  const tier = await SsdTier.open({ directory, capacityBytes: ssdBytes });
  const slots = new Slots(valueBytes, 512);
  let room: (() => void) | undefined;
  tier.onRoom = () => room?.();
  let keyBytes = 0;
  for (let i = 0; i < blocks; i++) {
    const key = slots.newKey();
    keyBytes = key.length;
    while (tier.isFull(valueBytes))
      await new Promise<void>((resolve) => {
        room = resolve;
      });
    tier.put(key, 0, 0, slots.source());
    if (i % 10_000 === 0) await tier.settled();
  }
  await tier.settled();
  await tier.close();
  return keyBytes;
}

async function start(name: string, directory: string, end?: NodeJS.Signals): Promise<Start> {
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1000;
  const server = await startKeepwarm({
    flags: ["--ram-size", "256MiB", "--ssd-dir", directory, "--ssd-size", String(ssdBytes)],
  });
  const readySeconds = seconds();
  const client = new Redis({ port: server.port, lazyConnect: true });
  try {
    await client.connect();
    let ssd = await figures(client);
    while (!ssd.load.done && seconds() < longestSeconds) ssd = await figures(client);
    const loadedSeconds = seconds();
    const { blocks, indexBytes } = ssd;
    return { name, readySeconds, loadedSeconds, blocks, rssBytes: rss(server), indexBytes };
  } finally {
    client.disconnect();
    if (end !== undefined) {
      process.kill(server.pid, end);
      while (existsSync(`/proc/${server.pid}`)) await new Promise((wait) => setImmediate(wait));
    }
    await server[Symbol.asyncDispose]();
  }
}

async function figures(client: Redis): Promise<SsdFigures> {
  const text = (await client.call("KW.STATS")) as string;
  const { tiers } = JSON.parse(text) as { readonly tiers: readonly SsdFigures[] };
  return tiers.find(({ name }) => name === "ssd")!;
}

function rss({ pid }: RunningServer): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)![1]) * 1024;
}
