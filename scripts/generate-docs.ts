// Writes the generated regions of docs/commands.md and docs/errors.md. A test checks for drift.
import { writeFileSync } from "node:fs";
import { relative } from "node:path";
import { pages } from "./docs/pages.ts";

for (const { path, text, fresh } of await pages()) {
  if (text === fresh) continue;
  writeFileSync(path, fresh);
  console.log(`updated ${relative(process.cwd(), path)}`);
}
