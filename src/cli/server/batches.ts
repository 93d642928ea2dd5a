import type { RespConnection } from "../../backends/valkey/connection.ts";
import { formatBytes, formatCount } from "../../util/units.ts";
import type { CliIo } from "../io.ts";
import { Progress } from "../render/progress.ts";
import type { Chosen } from "./select.ts";
import { replyCount } from "./snapshot.ts";

export interface BatchLimits {
  /** Most keys of one command. */
  readonly keys: number;
  /** Most bytes of their blocks; a single larger block goes alone. Default: no limit. */
  readonly bytes?: number;
}

/**
 * Sends `name key …` for all blocks, some at a time, with a line of progress. Returns the sum of the
 * replies.
 */
export async function inBatches(
  connection: RespConnection,
  { io, quiet }: { readonly io: CliIo; readonly quiet: boolean },
  name: string,
  blocks: readonly Chosen[],
  limits: BatchLimits,
): Promise<number> {
  const progress = new Progress(io, quiet);
  let sum = 0;
  let done = 0;
  let bytes = 0;
  try {
    for (const batch of batches(blocks, limits)) {
      const keys = batch.map(({ key }) => key);
      sum += replyCount(await connection.command([name, ...keys], { signal: io.signal }));
      done += batch.length;
      bytes += sizeOf(batch);
      progress.update(
        () => `${formatCount(done)} of ${formatCount(blocks.length)} blocks, ${formatBytes(bytes)}`,
      );
    }
    return sum;
  } finally {
    progress.done();
  }
}

/** All bytes of some blocks. */
export function sizeOf(blocks: readonly Chosen[]): number {
  return blocks.reduce((sum, block) => sum + block.bytes, 0);
}

export function* batches(
  blocks: readonly Chosen[],
  { keys, bytes = Infinity }: BatchLimits,
): Generator<Chosen[]> {
  let batch: Chosen[] = [];
  let size = 0;
  for (const block of blocks) {
    if (batch.length > 0 && (batch.length === keys || size + block.bytes > bytes)) {
      yield batch;
      batch = [];
      size = 0;
    }
    batch.push(block);
    size += block.bytes;
  }
  if (batch.length > 0) yield batch;
}
