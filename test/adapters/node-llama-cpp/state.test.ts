import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { makeScratchFile } from "../../../src/adapters/node-llama-cpp/scratch.ts";
import { StateRows, writeState } from "../../../src/adapters/node-llama-cpp/state-file.ts";
import {
  parseState,
  type Sheet,
  stateBytes,
  stateHead,
  type StateShape,
} from "../../../src/adapters/node-llama-cpp/state-shape.ts";
import type { KvChunk } from "../../../src/engine/types.ts";

function shapeOf(streams: number, stream: number, transposed: boolean, layers = 2): StateShape {
  const keys: Sheet[] = Array.from({ length: layers }, (_, layer) => ({
    type: 1,
    rowBytes: 16 + 8 * layer,
    transposedBytes: 0,
  }));
  const values = keys.map((sheet) => ({ ...sheet, transposedBytes: transposed ? 2 : 0 }));
  const sheets = [...keys, ...values];
  const tokenBytes = sheets.reduce((sum, { rowBytes }) => sum + rowBytes, 0);
  return { streams, stream, sequence: stream, sheets, tokenBytes };
}

function chunksOf(shape: StateShape, tokens: number, size: number): KvChunk[] {
  return Array.from({ length: Math.ceil(tokens / size) }, (_, index) => {
    const [start, end] = [index * size, Math.min((index + 1) * size, tokens)];
    const bytes = randomBytes((end - start) * shape.tokenBytes);
    return { start, end, tokens: end - start, bytes };
  });
}

const shape = fc
  .record({ streams: fc.integer({ min: 1, max: 4 }), pick: fc.nat(3), transposed: fc.boolean() })
  .map(({ streams, pick, transposed }) => shapeOf(streams, pick % streams, transposed));

test("a state written from chunks has them all, whatever its shape", async () => {
  await fc.assert(
    fc.asyncProperty(shape, fc.integer({ min: 1, max: 20 }), async (target, count) => {
      const tokens = Array.from({ length: count }, (_, index) => index * 7);
      const chunks = chunksOf(target, count, 6);
      await using file = await makeScratchFile(tmpdir(), 0);
      await writeState(file.handle, target, tokens, chunks);
      const bytes = await readFile(file.path);
      expect(bytes).toHaveLength(stateBytes(target, count));
      expect(parseState(bytes)).toEqual({ shape: target, tokens: Uint32Array.from(tokens) });
      const rows = StateRows.open(file.handle, target, tokens);
      if (typeof rows === "string") throw new Error(rows);
      for (const { start, end, bytes: value } of chunks)
        expect(Buffer.from(rows.cut({ start, end })).equals(value)).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test("chunks serve another number of streams, and values the other way round", async () => {
  const [from, to] = [shapeOf(1, 0, false), shapeOf(3, 2, true)];
  const chunks = chunksOf(from, 10, 4);
  await using file = await makeScratchFile(tmpdir(), 0);
  const tokens = Array.from({ length: 10 }, (_, index) => index);
  await writeState(file.handle, to, tokens, chunks);
  const rows = StateRows.open(file.handle, to, tokens) as StateRows;
  expect(Buffer.from(rows.cut(chunks[1])).equals(chunks[1].bytes)).toBe(true);
});

test("only the first tokens of a chunk are used when it is cut", async () => {
  const target = shapeOf(2, 1, true);
  const [first, second] = chunksOf(target, 8, 4);
  await using file = await makeScratchFile(tmpdir(), 0);
  const tokens = [1, 2, 3, 4, 5, 6];
  await writeState(file.handle, target, tokens, [first, { ...second, tokens: 2 }]);
  const rows = StateRows.open(file.handle, target, tokens) as StateRows;
  expect(Buffer.from(rows.cut(first)).equals(first.bytes)).toBe(true);
  const rowBytes = target.sheets[0].rowBytes;
  const cut = rows.cut({ start: 4, end: 6 }).subarray(0, 2 * rowBytes);
  expect(Buffer.from(cut).equals(second.bytes.subarray(0, 2 * rowBytes))).toBe(true);
});

test("chunks of another model's length are refused", async () => {
  const target = shapeOf(1, 0, false);
  const [chunk] = chunksOf(shapeOf(1, 0, false, 3), 4, 4);
  await using file = await makeScratchFile(tmpdir(), 0);
  await expect(writeState(file.handle, target, [1, 2, 3, 4], [chunk])).rejects.toThrow(
    "not of this model's length",
  );
});

describe("a state that is not as known", () => {
  const known = shapeOf(2, 1, false);
  const tokens = [5, 6, 7];

  async function written(): Promise<Buffer> {
    await using file = await makeScratchFile(tmpdir(), 0);
    await writeState(file.handle, known, tokens, chunksOf(known, 3, 3));
    return await readFile(file.path);
  }

  const head = stateHead(known, tokens).length;
  const changes: [string, (bytes: Buffer) => Buffer, string][] = [
    ["begins otherwise", (bytes) => put(bytes, 0, 1), "does not begin"],
    ["has another version", (bytes) => put(bytes, 4, 2), "of version 2"],
    ["has windows behind it", (bytes) => Buffer.concat([bytes, bytes]), "more follows"],
    ["ends early", (bytes) => bytes.subarray(0, -20), "ends early"],
    ["is empty", () => Buffer.alloc(0), "ends early"],
    ["has gaps", (bytes) => put(bytes, 36, 9), "not in order"],
    ["has shared cells", (bytes) => put(bytes, 40, 2), "not of one sequence"],
    ["has cells in two streams", (bytes) => put(bytes, 28, 3), "not in order"],
    ["has other cells than tokens", (bytes) => put(bytes, 32, 2), "not its tokens"],
    ["has no layers", (bytes) => put(bytes, head - 4, 0), "no layers"],
  ];

  test.each(changes)("because it %s, is refused", async (_, change, why) => {
    expect(parseState(change(await written()))).toMatch(why);
  });

  test("is refused again each time it is written", async () => {
    await using file = await makeScratchFile(tmpdir(), 0);
    await writeState(file.handle, known, tokens, chunksOf(known, 3, 3));
    expect(StateRows.open(file.handle, known, [5, 6, 8])).toMatch("other tokens");
    expect(StateRows.open(file.handle, known, [5, 6])).toMatch("not as long");
    const types = { ...known, sheets: known.sheets.map((sheet) => ({ ...sheet, type: 8 })) };
    expect(StateRows.open(file.handle, types, tokens)).toMatch("sheet 0");
    expect(StateRows.open(file.handle, shapeOf(2, 0, false), tokens)).toMatch("other tokens");
  });
});

function put(bytes: Buffer, at: number, value: number): Buffer {
  bytes.writeUInt32LE(value, at);
  return bytes;
}
