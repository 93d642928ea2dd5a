import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const text = readFileSync(join(root, "ARCHITECTURE.md"), "utf8");

function* folders(folder: string): Generator<string> {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    yield `${folder}/${entry.name}`;
    yield* folders(`${folder}/${entry.name}`);
  }
}

test("ARCHITECTURE.md names every folder of src", () => {
  const missing = [...folders("src")].filter((folder) => !text.includes(`\`${folder}/\``));
  expect(missing).toEqual([]);
});

test("ARCHITECTURE.md names no folder or file of src that is not there", () => {
  const named = [...text.matchAll(/`(src\/[\w./-]+)`/g)].map(([, path]) => path);
  const present = new Set([
    ...readdirSync(join(root, "src"), { recursive: true }).map((path) => `src/${String(path)}`),
  ]);
  expect(named.filter((path) => !present.has(path.replace(/\/$/, "")))).toEqual([]);
});
