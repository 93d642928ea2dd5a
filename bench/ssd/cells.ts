const kib = 1024;
const mib = 1024 ** 2;

/** One square of the comparison with fio. */
export interface DiskCell {
  /** Such as `"read 1MiB d4 direct"`. */
  readonly name: string;
  readonly op: "read" | "write";
  /** Bytes of a block. */
  readonly size: number;
  /** Blocks under way at a time. */
  readonly depth: number;
  /** O_DIRECT, or through the page cache. */
  readonly direct: boolean;
}

const sizes = [64 * kib, 256 * kib, mib, 4 * mib, 8 * mib];
const depths = [1, 4, 16];

/** In the order in which they are measured: what was read moves when space is reclaimed, so writes first. */
const diskCells: readonly DiskCell[] = [true, false].flatMap((direct) =>
  sizes.flatMap((size) =>
    (["write", "read"] as const).flatMap((op) =>
      depths.map((depth) => ({
        name: `${op} ${sizeName(size)} d${depth} ${direct ? "direct" : "cache"}`,
        op,
        size,
        depth,
        direct,
      })),
    ),
  ),
);

export function sizeName(bytes: number): string {
  return bytes < mib ? `${bytes / kib}KiB` : `${bytes / mib}MiB`;
}

/** Cells whose names have all words of one of the comma-separated phrases. */
export function chooseDiskCells(filter: string | undefined): readonly DiskCell[] {
  if (filter === undefined) return diskCells;
  const phrases = filter.split(",").map((phrase) => phrase.trim().split(/\s+/));
  return diskCells.filter(({ name }) => {
    const words = name.split(" ");
    return phrases.some((phrase) => phrase.every((word) => words.includes(word)));
  });
}
