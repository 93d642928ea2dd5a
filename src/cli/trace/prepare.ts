import { plural } from "../render/plural.ts";
import type { RespConnection } from "../../backends/valkey/connection.ts";
import { KeepwarmError } from "../../errors.ts";
import { formatBytes } from "../../util/units.ts";
import { replyText } from "../../wire/resp/reply.ts";
import type { Snapshot } from "../server/snapshot.ts";

/** What a replay wants of the store for its time. */
export interface Wanted {
  readonly blockBytes: number;
  /** Blocks that the store shall keep at most. */
  readonly capacityBlocks?: number | undefined;
  readonly policy?: string | undefined;
}

/** Memory that a RAM tier takes for blocks of this size, with room for frames and rounding. */
export function memoryFor(blocks: number, blockBytes: number): number {
  const page = 4096;
  return blocks * (Math.ceil(blockBytes / page) + 1) * page;
}

/**
 * A disk for blocks of this size on which their number is the limit, not its bytes: half more than
 * they take, in about a hundred segments.
 */
export function diskFor(
  blocks: number,
  blockBytes: number,
): { readonly bytes: number; readonly segmentBytes: number } {
  const mib = 1024 ** 2;
  const bytes = memoryFor(blocks, blockBytes) * 1.5;
  const smallest = Math.max(1, Math.ceil((4 * blockBytes) / mib));
  const largest = 2047;
  const segmentBytes = Math.min(largest, Math.max(smallest, Math.floor(bytes / 100 / mib))) * mib;
  return { bytes: Math.ceil(bytes / segmentBytes + 8) * segmentBytes, segmentBytes };
}

/**
 * Checks that the store is empty and large enough, and sets its limits.
 *
 * @returns A function that sets them back.
 * @throws KeepwarmError `INPUT_INVALID` when it is not, `UNSUPPORTED` when limits cannot be set.
 */
export async function prepareStore(
  connection: RespConnection,
  snapshot: Snapshot,
  { blockBytes, capacityBlocks, policy }: Wanted,
): Promise<() => Promise<void>> {
  refuseOtherBlocks(snapshot);
  const settings: [name: string, value: string][] = [];
  if (capacityBlocks !== undefined) {
    refuseTooSmall(snapshot, capacityBlocks, blockBytes);
    settings.push(["ram-max-blocks", String(capacityBlocks)]);
  }
  if (policy !== undefined) settings.push(["eviction-policy", policy]);
  if (settings.length > 0 && snapshot.product !== "keepwarm")
    throw new KeepwarmError(
      "UNSUPPORTED",
      `${snapshot.product} has no limit of blocks and none of our policies`,
      { remedy: "Leave out --capacity-blocks and --policy, or use --spawn." },
    );
  const undo: [name: string, value: string][] = [];
  const restore = async () => {
    for (const [name, value] of undo.toReversed()) await setting(connection, name, value);
  };
  try {
    for (const [name, value] of settings) {
      undo.push([name, await currentSetting(connection, name)]);
      await setting(connection, name, value);
    }
  } catch (error) {
    await restore();
    throw error;
  }
  return restore;
}

function refuseOtherBlocks({ tiers }: Snapshot): void {
  const blocks = tiers.reduce((sum, tier) => sum + tier.blocks, 0);
  if (blocks > 0)
    throw new KeepwarmError(
      "INPUT_INVALID",
      `the store holds ${plural(blocks, "block")}, which would change the hit rate`,
      {
        remedy:
          "Replay into a server of its own with --spawn, or empty this one with `keepwarm rm --match '*'`.",
      },
    );
}

function refuseTooSmall({ tiers }: Snapshot, blocks: number, blockBytes: number): void {
  const needed = memoryFor(blocks, blockBytes);
  const [ram] = tiers;
  if (ram && ram.capacityBytes > 0 && ram.capacityBytes < needed)
    throw new KeepwarmError(
      "INPUT_INVALID",
      `${plural(blocks, "block")} of ${formatBytes(blockBytes)} take ${formatBytes(needed)}, the store has ${formatBytes(ram.capacityBytes)}`,
      {
        remedy: `Use a smaller --block-size, or start the server with --ram-size ${Math.ceil(needed / 1024 ** 2)}MiB or more.`,
      },
    );
}

async function setting(connection: RespConnection, name: string, value: string): Promise<void> {
  await connection.command(["CONFIG", "SET", name, value]);
}

async function currentSetting(connection: RespConnection, name: string): Promise<string> {
  const reply = await connection.command(["CONFIG", "GET", name]);
  const value = Array.isArray(reply) ? replyText(reply[1]) : undefined;
  if (value !== undefined) return value;
  throw new KeepwarmError("UNSUPPORTED", `${connection.label} has no setting ${name}`, {
    remedy: "Use a command line and a server of the same version, or --spawn.",
  });
}
