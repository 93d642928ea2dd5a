import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const text = readFileSync(join(root, "ARCHITECTURE.md"), "utf8");

const files = readdirSync(join(root, "src"), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => relative(root, join(entry.parentPath, entry.name)));
const folders = new Set(
  files.flatMap((file) => {
    const parts = dirname(file).split("/");
    return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
  }),
);

test("ARCHITECTURE.md names every folder of src", () => {
  const missing = [...folders].filter(
    (folder) => folder !== "src" && !text.includes(`\`${folder}/\``),
  );
  expect(missing).toEqual([]);
});

test("ARCHITECTURE.md names no folder or file of src that is not there", () => {
  const named = [...text.matchAll(/`(src\/[\w./-]+)`/g)].map(([, path]) => path);
  const present = new Set([...files, ...folders]);
  expect(named.filter((path) => !present.has(path.replace(/\/$/, "")))).toEqual([]);
});

test("ARCHITECTURE.md has each room on the floor where the check has it", () => {
  const floors = JSON.parse(readFileSync(join(root, "scripts/floors.json"), "utf8")) as string[][];
  const rows = [...text.matchAll(/^\| +(\d+) \| `src\/([\w.-]+)\/?`/gm)];
  expect(rows).not.toEqual([]);
  for (const [, floor, room] of rows) expect(floors[Number(floor)]).toContain(room);
});
