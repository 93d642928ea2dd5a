/** Puts byte `plane` of each of `into.length` elements of `size` bytes, from byte `at` on, into `into`. */
export function takePlane(
  bytes: Uint8Array,
  at: number,
  size: number,
  plane: number,
  into: Uint8Array,
): void {
  for (let index = 0, from = at + plane; index < into.length; index++, from += size)
    into[index] = bytes[from];
}

/** The inverse of {@link takePlane}. */
export function putPlane(
  plane: Uint8Array,
  into: Uint8Array,
  at: number,
  size: number,
  number: number,
): void {
  for (let index = 0, to = at + number; index < plane.length; index++, to += size)
    into[to] = plane[index];
}
