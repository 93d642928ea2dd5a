import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { anchors, documents, localLinks, root } from "./markdown.ts";

test.each(documents())("links of $path lead somewhere", (document) => {
  const broken = localLinks(document).filter(({ target, heading }) => {
    const path = join(root, target);
    if (!existsSync(path)) return true;
    return heading !== undefined && !anchors(readFileSync(path, "utf8")).has(heading);
  });
  expect(broken).toEqual([]);
});
