// Enforces ARCHITECTURE.md: a folder of src/ imports only from lower floors. floors.json lists them from
// the lowest up.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const src = join(dirname(fileURLToPath(import.meta.url)), "..", "src");

const floors = JSON.parse(readFileSync(new URL("floors.json", import.meta.url), "utf8"));
const doors = new Set(["index.ts", "metrics-channel.ts", "testing"]); // public surfaces: may see every floor
const floorOf = new Map(floors.flatMap((rooms, floor) => rooms.map((room) => [room, floor])));
// Rooms of one floor that may see each other; everything else on a floor is separate.
const within = new Map([["util", new Set(["errors.ts"])]]);

function* files(folder) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) yield* files(path);
    else if (path.endsWith(".ts")) yield path;
  }
}

const problems = [];
for (const file of files(src)) {
  const from = relative(src, file).split("/")[0];
  if (!doors.has(from) && !floorOf.has(from)) problems.push(`${from}: no floor for this room`);
  const text = readFileSync(file, "utf8");
  for (const [, target] of text.matchAll(/(?:from|import\()\s*"(\.[^"]+)"/g)) {
    const to = relative(src, resolve(dirname(file), target)).split("/")[0];
    if (to === from || doors.has(from)) continue;
    const lower = floorOf.get(to) < floorOf.get(from);
    if (!lower && !within.get(from)?.has(to))
      problems.push(`${relative(src, file)} imports ${target}: ${to} is not below ${from}`);
  }
  if (from === "wire" && /from "node:(net|tls|http)"/.test(text))
    problems.push(`${relative(src, file)}: wire/ is sans-IO and never imports sockets`);
}
for (const problem of problems) console.error(problem);
console.log(problems.length === 0 ? "floors: ok" : `floors: ${problems.length} problem(s)`);
process.exit(problems.length === 0 ? 0 : 1);
