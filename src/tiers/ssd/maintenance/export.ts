import { archiveHeader, encodeEntry, endEntry, entryKind } from "./archive.ts";
import { type MaintenanceOptions, OfflineStore } from "./offline-store.ts";
import { readValue } from "./value-reader.ts";

export interface ExportReport {
  readonly directory: string;
  readonly blocks: number;
  readonly bytes: number;
  /** Blocks that were left out because they are damaged. */
  readonly damagedBlocks: number;
}

/**
 * Writes all live blocks of a data directory to an archive (archive.ts), the oldest first.
 *
 * Throws as {@link OfflineStore.open} does, and what `write` throws.
 * @param write - takes the archive's bytes; they may change when it has resolved.
 */
export async function exportDirectory(
  path: string,
  write: (bytes: Uint8Array) => Promise<void>,
  options: MaintenanceOptions = {},
): Promise<ExportReport> {
  const store = await OfflineStore.open(path, {
    writable: false,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  try {
    return { directory: path, ...(await exportBlocks(store, write, options)) };
  } finally {
    await store.close();
  }
}

async function exportBlocks(
  store: OfflineStore,
  write: (bytes: Uint8Array) => Promise<void>,
  { signal, onProgress }: MaintenanceOptions,
): Promise<Omit<ExportReport, "directory">> {
  const { index, staging } = store;
  const of = index.storedCount;
  let blocks = 0;
  let bytes = 0;
  let damagedBlocks = 0;
  await write(archiveHeader());
  const bySegment = store.rowsBySegment();
  for (const segment of store.inUse)
    for (const row of bySegment.get(segment.number)!) {
      signal?.throwIfAborted();
      const length = index.length(row);
      const checksum = index.checksum(row);
      const position = index.position(row);
      const read = await readValue(segment, { position, length, checksum }, staging);
      if (read === undefined) {
        damagedBlocks++;
        continue;
      }
      try {
        const entry = {
          kind: entryKind.block,
          keyspace: index.keyspace(row),
          key: index.key(row),
          isPinned: index.isPinned(row),
          expiresAt: index.expiresAt(row),
          length,
          checksum,
        };
        await write(encodeEntry(entry));
        await write(read.value);
      } finally {
        read.run.release();
      }
      blocks++;
      bytes += length;
      onProgress?.({ done: blocks + damagedBlocks, of, bytes });
    }
  await write(endEntry(blocks));
  return { blocks, bytes, damagedBlocks };
}
