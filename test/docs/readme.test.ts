import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runAsConsumer } from "./consumer.ts";
import { documents, fenced, root } from "./markdown.ts";

const programs = documents().flatMap(({ path, text }) =>
  fenced(text, "ts").map((code, index) => ({ name: `${path}, program ${index + 1}`, code })),
);

test("the README shows a program", () => {
  expect(programs.filter(({ name }) => name.startsWith("README.md"))).not.toEqual([]);
});

test.each(programs)("$name compiles and runs", async ({ code }) => {
  expect(await runAsConsumer(code)).not.toBe("");
});

test.each(readdirSync(join(root, "examples")).filter((name) => name.endsWith(".ts")))(
  "examples/%s compiles and runs",
  async (name) => {
    expect(await runAsConsumer(readFileSync(join(root, "examples", name), "utf8"))).not.toBe("");
  },
);
