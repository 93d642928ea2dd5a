import { expect, it } from "vitest";

import type { Check } from "./peer.ts";
import { runChecks, type RunChecksOptions } from "./python-checks.ts";

const line = (outcome: object) => `console.log(${JSON.stringify(JSON.stringify(outcome))});`;

async function checksOf(program: string, options?: RunChecksOptions): Promise<Check[]> {
  const checks: Check[] = [];
  for await (const check of runChecks("v", process.execPath, ["-e", program], options))
    checks.push(check);
  return checks;
}

it("takes one check a line and passes over what libraries log", async () => {
  const program = [
    line({ name: "one", passed: true, ms: 2 }),
    'console.log("WARN a log line");',
    line({ name: "two", passed: false, ms: 3, reason: "why" }),
  ];
  expect(await checksOf(program.join("\n"))).toEqual([
    { variant: "v", name: "one", passed: true, elapsedMs: 2 },
    { variant: "v", name: "two", passed: false, elapsedMs: 3, reason: "why" },
  ]);
});

it("adds a failed check with the end of the log when a script does not end well", async () => {
  const [check, ...others] = await checksOf('console.error("broken"); process.exit(3)');
  expect(check).toMatchObject({
    name: "script ends",
    passed: false,
    reason: "exit code 3\nbroken",
  });
  expect(others).toEqual([]);
});

it("does what a script asks for before the script goes on", async () => {
  const program = `
    console.log(JSON.stringify({ request: "restart" }));
    process.stdin.once("data", () => {
      console.log(JSON.stringify({ name: "after", passed: true, ms: 0 }));
      process.exit();
    });`;
  const asked: string[] = [];
  const checks = await checksOf(program, {
    onRequest: async (request) => void asked.push(request),
  });
  expect(asked).toEqual(["restart"]);
  expect(checks.map(({ name }) => name)).toEqual(["after"]);
});
