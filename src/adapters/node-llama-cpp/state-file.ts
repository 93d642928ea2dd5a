import { fstatSync, readSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { KeepwarmError } from "../../errors.ts";
import type { KvChunk, TokenRange } from "../../engine/types.ts";
import {
  type StateShape,
  sheetHeader,
  sheetOffsets,
  stateBytes,
  stateFoot,
  stateHead,
} from "./state-shape.ts";
import { transpose } from "./transpose.ts";

// The value of a chunk: the rows of its tokens in the first sheet, then those in the second, and so on;
// keys of all layers and then values, never transposed. It says nothing of streams and sequences.

/** Tokens whose rows a state file has, cut out of it. */
export class StateRows {
  readonly #fd: number;
  readonly #shape: StateShape;
  readonly #tokens: number;
  readonly #offsets: readonly number[];
  readonly #sheets = new Map<number, Buffer>();

  private constructor(fd: number, shape: StateShape, tokens: number) {
    this.#fd = fd;
    this.#shape = shape;
    this.#tokens = tokens;
    this.#offsets = sheetOffsets(shape, tokens);
  }

  /**
   * Opens a state that the runtime has written; what is wrong with one that is not of this shape and these
   * tokens.
   */
  static open(
    { fd }: FileHandle,
    shape: StateShape,
    tokens: ArrayLike<number>,
  ): StateRows | string {
    const wanted = stateHead(shape, tokens);
    const { size } = fstatSync(fd);
    if (size !== stateBytes(shape, tokens.length))
      return "the state is not as long as it should be";
    if (!readAt(fd, 0, wanted.length).equals(wanted))
      return "the state is of other tokens, or laid out in another way";
    const rows = new StateRows(fd, shape, tokens.length);
    for (const [index, sheet] of shape.sheets.entries()) {
      const header = sheetHeader(sheet);
      if (!readAt(fd, rows.#offsets[index] - header.length, header.length).equals(header))
        return `sheet ${index} of the state is laid out in another way`;
    }
    return rows;
  }

  /** The value of a chunk. */
  cut({ start, end }: TokenRange): Uint8Array {
    const { sheets, tokenBytes } = this.#shape;
    const count = end - start;
    const value = Buffer.allocUnsafeSlow(tokenBytes * count);
    let at = 0;
    for (const [index, { rowBytes, transposedBytes }] of sheets.entries()) {
      const target = value.subarray(at, (at += rowBytes * count));
      if (transposedBytes === 0)
        readInto(this.#fd, this.#offsets[index] + start * rowBytes, target);
      else {
        const rows = rowBytes / transposedBytes;
        transpose(
          { bytes: this.#sheet(index), stride: this.#tokens, from: start },
          { bytes: target, stride: rows, from: 0 },
          rows,
          count,
          transposedBytes,
        );
      }
    }
    return value;
  }

  /** A whole sheet: one that is transposed has a piece of each row for each chunk. */
  #sheet(index: number): Buffer {
    const known = this.#sheets.get(index);
    if (known !== undefined) return known;
    const { rowBytes } = this.#shape.sheets[index];
    const sheet = readAt(this.#fd, this.#offsets[index], rowBytes * this.#tokens);
    this.#sheets.set(index, sheet);
    return sheet;
  }
}

/**
 * Writes the state of `tokens` from chunks that cover them, without putting them together first.
 *
 * @throws KeepwarmError `INPUT_INVALID` when chunks are not of this shape
 */
export async function writeState(
  handle: FileHandle,
  shape: StateShape,
  tokens: ArrayLike<number>,
  chunks: readonly KvChunk[],
): Promise<void> {
  const count = tokens.length;
  const pieces: Uint8Array[] = [stateHead(shape, tokens)];
  for (const { start, end, bytes } of chunks)
    if (bytes.length !== (end - start) * shape.tokenBytes)
      throw new KeepwarmError("INPUT_INVALID", "a chunk is not of this model's length");
  let before = 0;
  for (const sheet of shape.sheets) {
    pieces.push(sheetHeader(sheet), ...rowsOf(sheet, before, count, chunks));
    before += sheet.rowBytes;
  }
  pieces.push(stateFoot(shape));
  const { bytesWritten } = await handle.writev(pieces, 0);
  const wanted = stateBytes(shape, count);
  const { size } = await handle.stat();
  // The runtime ends the process when a state is cut short.
  if (bytesWritten !== wanted || size !== wanted)
    throw new KeepwarmError("INPUT_INVALID", `a state of ${wanted} bytes became ${size}`, {
      remedy: "Look for room in the scratch folder.",
    });
}

/** The rows of one sheet, whose rows stand behind `before` bytes of each token. */
function rowsOf(
  { rowBytes, transposedBytes }: StateShape["sheets"][number],
  before: number,
  count: number,
  chunks: readonly KvChunk[],
): Uint8Array[] {
  const parts = chunks.map(({ start, end, tokens, bytes }) => {
    const from = before * (end - start);
    return { start, tokens, rows: bytes.subarray(from, from + tokens * rowBytes) };
  });
  if (transposedBytes === 0) return parts.map(({ rows }) => rows);
  const sheet = Buffer.allocUnsafeSlow(rowBytes * count);
  const columns = rowBytes / transposedBytes;
  for (const { start, tokens, rows } of parts)
    transpose(
      { bytes: rows, stride: columns, from: 0 },
      { bytes: sheet, stride: count, from: start },
      tokens,
      columns,
      transposedBytes,
    );
  return [sheet];
}

function readAt(fd: number, at: number, bytes: number): Buffer {
  const buffer = Buffer.allocUnsafeSlow(bytes);
  readInto(fd, at, buffer);
  return buffer;
}

/** In one go: the file is in memory, and a trip to another thread costs more than the copy. */
function readInto(fd: number, at: number, buffer: Buffer): void {
  for (let done = 0; done < buffer.length;) {
    const bytes = readSync(fd, buffer, done, buffer.length - done, at + done);
    if (bytes === 0) throw new KeepwarmError("INPUT_INVALID", "a state file ends early");
    done += bytes;
  }
}
