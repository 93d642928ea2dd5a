/** Part of a matrix: element `[row, column]` is number `row * stride + from + column` of `bytes`. */
export interface MatrixPart {
  readonly bytes: Uint8Array;
  readonly stride: number;
  readonly from: number;
}

/**
 * Writes `rows` times `columns` elements of `source` the other way round: `[row, column]` goes to
 * `[column, row]` of `target`.
 *
 * @param size Bytes of an element: 2 or 4; `target` is aligned to it
 */
export function transpose(
  source: MatrixPart,
  target: MatrixPart,
  rows: number,
  columns: number,
  size: number,
): void {
  const [input, output] = [elements(source.bytes, size), elements(target.bytes, size)];
  for (let column = 0; column < columns; column++) {
    let to = column * target.stride + target.from;
    let at = source.from + column;
    for (let row = 0; row < rows; row++, at += source.stride) output[to++] = input[at];
  }
}

function elements(bytes: Uint8Array, size: number): Uint16Array | Uint32Array {
  const { buffer, byteOffset, length } =
    bytes.byteOffset % size === 0 ? bytes : Uint8Array.from(bytes);
  return size === 2
    ? new Uint16Array(buffer, byteOffset, length / 2)
    : new Uint32Array(buffer, byteOffset, length / 4);
}
