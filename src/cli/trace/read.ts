import { createReadStream } from "node:fs";
import { KeepwarmError } from "../../errors.ts";
import { parseTraceLine, type TraceRequest } from "./request.ts";

/** Longest line read; a request of a million blocks fits. */
const maxLineBytes = 16 * 1024 * 1024;

/**
 * The requests of a trace, in file order, read as they are needed. Empty lines are skipped.
 *
 * @param options.limit Requests to read at most. Default all.
 * @param options.name What errors call the file. Default its path.
 * @throws KeepwarmError `INPUT_INVALID`, with file and line.
 */
export async function* readTrace(
  path: string,
  { limit = Infinity, name = path }: { readonly limit?: number; readonly name?: string } = {},
): AsyncGenerator<TraceRequest> {
  let line = 0;
  let left = limit;
  for await (const text of lines(path, name)) {
    line++;
    if (left <= 0) return;
    if (text.trim() === "") continue;
    left--;
    yield parseTraceLine(text, `${name}:${line}`);
  }
}

async function* lines(path: string, name: string): AsyncGenerator<string> {
  let rest = "";
  try {
    for await (const chunk of createReadStream(path, {
      encoding: "utf8",
      highWaterMark: 1 << 20,
    })) {
      const pieces = (rest + String(chunk)).split("\n");
      rest = pieces.pop() ?? "";
      if (rest.length > maxLineBytes)
        throw new Error(`a line is longer than ${maxLineBytes} bytes`);
      yield* pieces;
    }
  } catch (error) {
    throw new KeepwarmError("INPUT_INVALID", `${name}: ${(error as Error).message}`, {
      cause: error,
      remedy: "Name a readable trace: a text file with one JSON object a line.",
    });
  }
  yield rest;
}
