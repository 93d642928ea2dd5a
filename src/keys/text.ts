/** A count as keys write it: without leading zeros, so that the same number is the same text. */
export const count = /^(?:0|[1-9]\d{0,6})$/;

/** A list of the value, or of nothing when there is none. */
export function present<T>(value: T | undefined): T[] {
  return value === undefined ? [] : [value];
}
