import type { ValueSource } from "./log-item.ts";

/** From here on a value has pages of its own, on the disk as in RAM; smaller ones share. */
export const OWN_PAGES_BYTES: number = 16 * 1024;
/** Where in its pages such a value begins at least: a RAM slot has the begin of its frame before it. */
export const VALUE_OFFSET = 16;

/** A value that was read into these pages, to be written again. */
export function sourceOfRead(
  pages: Buffer,
  offset: number,
  length: number,
  release: () => void,
): ValueSource {
  const hasPages = length >= OWN_PAGES_BYTES && offset >= VALUE_OFFSET;
  return {
    value: pages.subarray(offset, offset + length),
    pages: hasPages ? pages : undefined,
    offset: hasPages ? offset : 0,
    release,
  };
}
