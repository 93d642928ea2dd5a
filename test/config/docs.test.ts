import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ExitCode } from "../../src/cli/exit-code.ts";
import { verbs } from "../../src/cli/verbs.ts";
import { environmentName } from "../../src/config/environment.ts";
import { longFlag, serveFlags } from "../../src/config/flags.ts";
import { settingPaths } from "../../src/config/shape.ts";

const page = (name: string) =>
  readFileSync(new URL(`../../docs/${name}.md`, import.meta.url), "utf8");

test("docs/configuration.md knows every setting, variable and flag", () => {
  const text = page("configuration");
  const hidden = new Set(serveFlags.filter((flag) => flag.hidden).map(({ path }) => path));
  const settings = settingPaths().filter((path) => !hidden.has(path));
  const expected = [
    ...settings,
    ...settings.map(environmentName),
    ...serveFlags.filter((flag) => !flag.hidden).map(({ flag }) => longFlag(flag)),
  ];
  expect(expected.filter((word) => !text.includes(`\`${word}\``))).toEqual([]);
});

test("docs/cli.md knows every verb and exit code", () => {
  const text = page("cli");
  expect(verbs.filter(({ name }) => !text.includes(`\`${name}`))).toEqual([]);
  expect(
    Object.values(ExitCode).filter((code) => !new RegExp(`\\| +${code} \\|`).test(text)),
  ).toEqual([]);
});
