import { crc32 } from "node:zlib";
import { randomFillSync } from "node:crypto";
import { xxh64 } from "@node-rs/xxhash";
import { markdownTable } from "../support/markdown.ts";
import { median, shuffled } from "../support/stats.ts";
import { sizeName } from "./cells.ts";
import { loadRival } from "./rivals.ts";
import type { Surroundings } from "./surroundings.ts";

interface ChecksumResult {
  readonly name: string;
  /** GB per CPU second, by size. */
  readonly gigabytesPerSecond: readonly number[];
}

export interface ChecksumResults {
  readonly sizes: readonly number[];
  readonly rows: readonly ChecksumResult[];
}

const sizes = [64 * 1024, 1024 ** 2, 8 * 1024 ** 2];
const spreadBytes = 256 * 1024 ** 2;

/** How fast checksums are, of memory that no cache of the CPU holds. */
export async function measureChecksums({ rounds }: Surroundings): Promise<ChecksumResults> {
  const wasm = (await loadRival("xxhash-wasm")) as {
    readonly default: () => Promise<{ readonly h64Raw: (bytes: Uint8Array) => bigint }>;
  };
  const { h64Raw } = await wasm.default();
  const checksums: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
    "XXH64, @node-rs/xxhash": xxh64,
    "XXH64, xxhash-wasm": h64Raw,
    "CRC32, node:zlib": crc32,
  };
  const memory = randomFillSync(Buffer.allocUnsafeSlow(spreadBytes));
  const names = Object.keys(checksums);
  const found = new Map(names.map((name) => [name, sizes.map((): number[] => [])]));
  for (let round = 0; round < rounds; round++)
    for (const name of shuffled(names))
      for (const [at, size] of sizes.entries())
        found.get(name)![at].push(rateOf(checksums[name], memory, size));
  const rows = names.map((name) => ({
    name,
    gigabytesPerSecond: found.get(name)!.map((rates) => median(rates)),
  }));
  return { sizes, rows };
}

export function renderChecksums({ sizes, rows }: ChecksumResults): string {
  return [
    "## Checksums",
    "GB per CPU second.",
    markdownTable(
      ["", ...sizes.map(sizeName)],
      rows.map(({ name, gigabytesPerSecond }) => [
        name,
        ...gigabytesPerSecond.map((rate) => rate.toFixed(1)),
      ]),
    ),
  ].join("\n\n");
}

function rateOf(checksum: (bytes: Uint8Array) => unknown, memory: Buffer, size: number): number {
  const before = process.cpuUsage();
  for (let at = 0; at + size <= memory.length; at += size) checksum(memory.subarray(at, at + size));
  const { user, system } = process.cpuUsage(before);
  return memory.length / 1000 / (user + system);
}
