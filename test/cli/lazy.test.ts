import { expect, test, vi } from "vitest";
import { runCli } from "../../src/cli/program.ts";
import { verbs } from "../../src/cli/verbs.ts";

vi.mock("zod", () => {
  throw new Error("zod was loaded");
});
vi.mock("yaml", () => {
  throw new Error("yaml was loaded");
});
vi.mock("pino", () => {
  throw new Error("pino was loaded");
});

test.each(["", ...verbs.map(({ name }) => name)])(
  "'%s --help' loads nothing heavy",
  async (verb) => {
    let out = "";
    const code = await runCli([...verb.split(" ").filter(Boolean), "--help"], {
      stdout: { write: (data) => (out += String(data)) },
      stderr: { write: () => expect.unreachable("nothing goes wrong") },
      stdin: (async function* () {})(),
      env: {},
      cwd: ".",
      signal: new AbortController().signal,
    });
    expect(code).toBe(0);
    expect(out).toContain("Usage: keepwarm");
  },
);
