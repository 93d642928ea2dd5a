import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { commandTables } from "./commands.ts";
import { errorTable } from "./errors.ts";
import { withRegion } from "./regions.ts";

const generated = [
  { page: "commands", region: "commands", make: commandTables },
  { page: "errors", region: "error codes", make: errorTable },
];

interface Page {
  readonly path: string;
  /** As it stands on disk. */
  readonly text: string;
  /** As it should stand there. */
  readonly fresh: string;
}

/** The pages under docs/ that have generated regions. */
export function pages(): Promise<Page[]> {
  return Promise.all(
    generated.map(async ({ page, region, make }) => {
      const path = fileURLToPath(new URL(`../../docs/${page}.md`, import.meta.url));
      const text = readFileSync(path, "utf8");
      return { path, text, fresh: await withRegion(text, region, make()) };
    }),
  );
}
