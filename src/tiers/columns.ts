/** Typed arrays that can be a column of a table that grows. */
type Column = Int32Array | Uint32Array | Float64Array | Uint16Array | Uint8Array | BigUint64Array;

/** A copy of `column` with room for `rows`, the new ones zero. */
export function grown<T extends Column>(column: T, rows: number): T {
  const bigger = new (column.constructor as new (length: number) => T)(rows);
  (bigger as Int32Array).set(column as Int32Array);
  return bigger;
}
