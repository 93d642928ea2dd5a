// Bulk string, the frame of every value in RESP2 and RESP3:
//
//   "$" length CRLF  bytes  CRLF        length: decimal digits

/** CRLF after the bytes. */
export const BULK_TRAILER_BYTES = 2;

/** Bytes of the header of a bulk string of `length` bytes. */
export function bulkHeaderBytes(length: number): number {
  let digits = 1;
  for (let bound = 10; length >= bound; bound *= 10) digits++;
  return digits + 3;
}

/** Writes the header so that it ends just before `end`; returns where it begins. */
export function writeBulkHeaderBefore(target: Uint8Array, end: number, length: number): number {
  let at = end;
  target[--at] = 10;
  target[--at] = 13;
  let rest = length;
  do {
    const tens = Math.floor(rest / 10);
    target[--at] = 48 + rest - tens * 10;
    rest = tens;
  } while (rest > 0);
  target[--at] = 36;
  return at;
}
