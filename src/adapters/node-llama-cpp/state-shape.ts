// A sequence's state as llama.cpp writes it, `ggsq` version 3, little-endian:
//
//   u32 magic   u32 version   u32 tokens   i32 each
//   u32 streams; for each: u32 cells; if there are any (in one of them, the sequence's own):
//     for each cell: i32 position, u32 sequences (1), i32 sequence
//     u32 1 if values are transposed   u32 layers
//     for each layer, keys:   i32 element type, u64 bytes of a row, a row for each cell
//     for each layer, values: the same; or, transposed:
//                             i32 element type, u32 bytes of an element, u32 rows, an element of each cell in each
//
// What else a model's state has (windows, recurrent layers, several positions a cell) does not fit this, and
// is noticed by that.

const magic = 0x67677371;
const version = 3;

/** Keys or values of one layer: a row for each token. */
export interface Sheet {
  /** ggml's number of the element type. */
  readonly type: number;
  /** Bytes of a token's row. */
  readonly rowBytes: number;
  /** Bytes of an element, where the file has a row for each element instead; else 0. */
  readonly transposedBytes: number;
}

/** How the states of one sequence are laid out. */
export interface StateShape {
  readonly streams: number;
  /** The stream that has this sequence's cells. */
  readonly stream: number;
  /** The sequence's number. */
  readonly sequence: number;
  /** Keys of all layers, then values. */
  readonly sheets: readonly Sheet[];
  /** Bytes of a token's rows in all sheets. */
  readonly tokenBytes: number;
}

/** A state whose parts are where they should be. */
export interface ParsedState {
  readonly shape: StateShape;
  readonly tokens: Uint32Array;
}

const sheetHeaderBytes = 12;

/** Bytes in front of the first sheet, for this many tokens. */
function headBytes({ stream }: StateShape, tokens: number): number {
  return 12 + 4 * tokens + 4 + 4 * (stream + 1) + 12 * tokens + 8;
}

/** Bytes of a whole state. */
export function stateBytes(shape: StateShape, tokens: number): number {
  const { sheets, tokenBytes } = shape;
  const headers = headBytes(shape, tokens) + sheets.length * sheetHeaderBytes;
  return headers + tokens * tokenBytes + stateFoot(shape).length;
}

/** Where the rows of each sheet begin in a state of this many tokens. */
export function sheetOffsets(shape: StateShape, tokens: number): number[] {
  let at = headBytes(shape, tokens);
  return shape.sheets.map(({ rowBytes }) => {
    const begin = at + sheetHeaderBytes;
    at = begin + tokens * rowBytes;
    return begin;
  });
}

/** What stands before the first sheet. */
export function stateHead(shape: StateShape, tokens: ArrayLike<number>): Buffer {
  const { streams, stream, sequence, sheets } = shape;
  const count = tokens.length;
  const head = Buffer.alloc(headBytes(shape, count));
  let at = 0;
  const u32 = (value: number): void => void (at = head.writeUInt32LE(value, at));
  u32(magic);
  u32(version);
  u32(count);
  for (let index = 0; index < count; index++) u32(tokens[index]);
  u32(streams);
  // Streams before and behind the sequence's own have no cells.
  for (let index = 0; index < stream; index++) u32(0);
  u32(count);
  for (let position = 0; position < count; position++) {
    u32(position);
    u32(1);
    u32(sequence);
  }
  u32(sheets.at(-1)!.transposedBytes > 0 ? 1 : 0);
  u32(sheets.length / 2);
  return head;
}

/** What stands behind the last sheet. */
export function stateFoot({ streams, stream }: StateShape): Buffer {
  return Buffer.alloc(4 * (streams - stream - 1));
}

/** What stands before the rows of a sheet. */
export function sheetHeader({ type, rowBytes, transposedBytes }: Sheet): Buffer {
  const header = Buffer.alloc(sheetHeaderBytes);
  header.writeInt32LE(type);
  if (transposedBytes === 0) header.writeBigUInt64LE(BigInt(rowBytes), 4);
  else {
    header.writeUInt32LE(transposedBytes, 4);
    header.writeUInt32LE(rowBytes / transposedBytes, 8);
  }
  return header;
}

/** Reads a whole state; what is wrong with one that this code does not know. */
export function parseState(file: Buffer): ParsedState | string {
  const reader = new Reader(file);
  try {
    if (reader.u32() !== magic) return "it does not begin as a state does";
    const found = reader.u32();
    if (found !== version) return `it is of version ${found}`;
    const count = reader.u32();
    const tokens = Uint32Array.from({ length: count }, () => reader.u32());
    const shape = readShape(reader, count);
    if (typeof shape === "string") return shape;
    return reader.at === file.length ? { shape, tokens } : "more follows than keys and values";
  } catch (error) {
    if (error instanceof RangeError) return "it ends early";
    throw error;
  }
}

function readShape(reader: Reader, count: number): StateShape | string {
  const streams = reader.u32();
  let own: Omit<StateShape, "streams"> | undefined;
  for (let stream = 0; stream < streams; stream++) {
    const cells = reader.u32();
    if (cells === 0) continue;
    if (own !== undefined || cells !== count) return "its cells are not its tokens";
    let sequence = 0;
    for (let cell = 0; cell < cells; cell++) {
      if (reader.u32() !== cell) return "its cells are not in order";
      if (reader.u32() !== 1) return "a cell is not of one sequence";
      sequence = reader.u32();
    }
    const transposed = reader.u32() === 1;
    const layers = reader.u32();
    if (layers === 0) return "it has no layers";
    const sheets = Array.from({ length: 2 * layers }, (_, index) =>
      readSheet(reader, cells, transposed && index >= layers),
    );
    const tokenBytes = sheets.reduce((sum, { rowBytes }) => sum + rowBytes, 0);
    own = { stream, sequence, sheets, tokenBytes };
  }
  return own === undefined ? "it has no cells" : { streams, ...own };
}

function readSheet(reader: Reader, cells: number, transposed: boolean): Sheet {
  const type = reader.u32();
  const sheet = transposed
    ? readTransposed(reader, type)
    : { type, rowBytes: reader.u64(), transposedBytes: 0 };
  reader.skip(cells * sheet.rowBytes);
  return sheet;
}

function readTransposed(reader: Reader, type: number): Sheet {
  const transposedBytes = reader.u32();
  return { type, rowBytes: transposedBytes * reader.u32(), transposedBytes };
}

class Reader {
  at = 0;
  readonly #file: Buffer;

  constructor(file: Buffer) {
    this.#file = file;
  }

  u32(): number {
    this.at += 4;
    return this.#file.readUInt32LE(this.at - 4);
  }

  u64(): number {
    this.at += 8;
    return Number(this.#file.readBigUInt64LE(this.at - 8));
  }

  skip(bytes: number): void {
    this.at += bytes;
    if (this.at > this.#file.length) throw new RangeError("the state ends early");
  }
}
