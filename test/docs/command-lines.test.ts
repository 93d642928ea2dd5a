import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { verbs } from "../../src/cli/verbs.ts";
import { run } from "../../src/testing/servers/run.ts";
import { documents, fenced, root } from "./markdown.ts";

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  scripts: Record<string, string>;
};
const groups = new Set(["config", "trace", "ssd"]);
const lines = [
  ...new Set(
    documents().flatMap(({ text }) => fenced(text, "sh").flatMap((block) => block.split("\n"))),
  ),
].map((line) => line.replace(/#.*/, "").trim());
const commandLines = lines
  .map((line) => /(?:^|\| )(?:npx )?keepwarm ([^|>]+)/.exec(line)?.[1].trim())
  .filter((line) => line !== undefined);

test.each([...new Set(commandLines)])(
  "keepwarm %s has a verb and flags that exist",
  async (line) => {
    const words = line.split(/\s+/);
    const name = words.slice(0, groups.has(words[0]) ? 2 : 1);
    expect(verbs.map((verb) => verb.name)).toContain(name[0]);
    const main = join(root, "dist", "cli", "main.js");
    const { stdout } = await run(process.execPath, [main, ...name, "--help"]);
    const known = new Set(stdout.match(/(?<![\w-])--?[a-z][\w-]*/g));
    const flags = words.filter((word) => /^--?[a-z]/.test(word)).map((word) => word.split("=")[0]);
    expect(flags.filter((flag) => !known.has(flag))).toEqual([]);
  },
);

test("every npm script that the documents name exists", () => {
  const named = lines.flatMap((line) =>
    [...line.matchAll(/npm run (?:-s |--silent )?([\w:-]+)/g)].map(([, script]) => script),
  );
  expect(named.filter((script) => !Object.hasOwn(manifest.scripts, script))).toEqual([]);
});
