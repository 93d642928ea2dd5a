import { readFileSync } from "node:fs";
import { isMap, isNode, isScalar, LineCounter, parseDocument, type Document } from "yaml";
import { KeepwarmError } from "../errors.ts";
import type { Origin } from "./origin.ts";
import type { Problem } from "./problem.ts";

type Path = readonly (string | number)[];

/** A configuration file, read but not yet checked. */
export interface ConfigFile {
  readonly name: string;
  /** The top-level mapping; empty when the file holds none. */
  readonly value: Readonly<Record<string, unknown>>;
  /** What YAML itself objects to. */
  readonly problems: readonly Problem[];
  /** Where the value at `path` stands, or where the key itself does. */
  origin(path: Path, at?: "key" | "value"): Origin;
}

/**
 * Reads YAML (or JSON, which is YAML).
 *
 * @throws KeepwarmError `CONFIG_INVALID` when the file cannot be read.
 */
export function readConfigFile(path: string, name: string = path): ConfigFile {
  let source: string;
  try {
    source = readFileSync(path, "utf8");
  } catch (error) {
    throw new KeepwarmError("CONFIG_INVALID", `${name}: ${(error as Error).message}`, {
      cause: error,
      remedy: "Name a readable file with --config, or leave it out to use the defaults.",
    });
  }
  return parseConfigFile(source, name);
}

function parseConfigFile(source: string, name: string): ConfigFile {
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false });
  const at = (offset: number): Origin => {
    const { line, col } = lines.linePos(offset);
    return { from: "file", file: name, line, column: col };
  };
  const problems: Problem[] = document.errors.map((error) => ({
    origin: at(error.pos[0]),
    path: "",
    message: error.message,
  }));
  if (problems.length === 0 && document.contents !== null && !isMap(document.contents))
    problems.push({ origin: at(0), path: "", message: "must be a mapping of settings" });
  return {
    name,
    problems,
    value: problems.length === 0 ? ((document.toJS() as Record<string, unknown>) ?? {}) : {},
    origin: (path, which = "value") => at(offsetOf(document, path, which) ?? 0),
  };
}

/** The offset of the deepest node on `path` that exists. */
function offsetOf(document: Document, path: Path, which: "key" | "value"): number | undefined {
  for (let depth = path.length; depth > 0; depth--) {
    const parent = depth === 1 ? document.contents : document.getIn(path.slice(0, depth - 1), true);
    const last = path[depth - 1];
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isScalar(item.key) && item.key.value === last);
      if (pair === undefined) continue;
      const node = which === "key" || pair.value === null ? pair.key : pair.value;
      if (isNode(node) && node.range) return node.range[0];
    }
    const node = document.getIn(path.slice(0, depth), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  return undefined;
}
