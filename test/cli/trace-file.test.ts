import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readTrace } from "../../src/cli/trace/read.ts";
import { parseTraceLine } from "../../src/cli/trace/request.ts";
import { TraceCounter } from "../../src/cli/trace/summary.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "keepwarm-trace-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(text: string): string {
  const path = join(folder, "trace.jsonl");
  writeFileSync(path, text);
  return path;
}

const line = (hashIds: number[], timestamp = 0) =>
  JSON.stringify({
    timestamp,
    input_length: hashIds.length * 512 - 1,
    output_length: 9,
    hash_ids: hashIds,
  });

test("requests come in file order, with or without a last line break", async () => {
  const path = file(`${line([0, 1])}\r\n\n${line([0, 2], 7)}`);
  const requests = await collect(readTrace(path));
  expect(requests).toEqual([
    { timestamp: 0, inputLength: 1023, outputLength: 9, hashIds: [0, 1] },
    { timestamp: 7, inputLength: 1023, outputLength: 9, hashIds: [0, 2] },
  ]);
  expect(await collect(readTrace(path, { limit: 1 }))).toHaveLength(1);
});

test("an error names file and line", async () => {
  const path = file(`${line([0])}\n\n{"oops\n`);
  const read = collect(readTrace(path, { name: "t.jsonl" }));
  await expect(read).rejects.toMatchObject({
    code: "INPUT_INVALID",
    message: expect.stringMatching(/^t\.jsonl:3: is no JSON/),
  });
  await expect(collect(readTrace(join(folder, "gone")))).rejects.toThrow(/gone: ENOENT/);
});

test.each([
  ["[]", "is no JSON object"],
  ["{}", "input_length is no whole number"],
  ['{"input_length": 1.5, "hash_ids": []}', "input_length is no whole number"],
  ['{"input_length": 1}', "hash_ids is no list"],
  ['{"input_length": 1, "hash_ids": [-1]}', "an id of hash_ids is no whole number"],
  ['{"input_length": 1, "hash_ids": ["a"]}', "an id of hash_ids is no whole number"],
  ['{"input_length": 1, "hash_ids": [], "timestamp": "x"}', "timestamp is no number"],
])("%s is refused", (text, message) => {
  expect(() => parseTraceLine(text, "t:1")).toThrow(`t:1: ${message}`);
});

test("a summary adds up and knows what no cache can exceed", () => {
  const counter = new TraceCounter();
  for (const [index, ids] of [[0, 1, 2], [0, 1, 3], [0, 3], [4]].entries())
    counter.add(parseTraceLine(line(ids, 1000 + index), ""));
  expect(counter.summary()).toEqual({
    requests: 4,
    blocks: 9,
    uniqueBlocks: 5,
    inputTokens: 9 * 512 - 4,
    outputTokens: 36,
    longestInput: 1535,
    span: 3,
    blockTokens: 512,
    maxHitRate: 4 / 9,
  });
});

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
