import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { obtainLlamaRuntime } from "../../../src/models/llama-runtime.ts";
import { obtainSmollm2 } from "../../../src/models/smollm2.ts";
import { run } from "../../../src/util/run.ts";
import { text } from "./runtime.ts";

// The first run gets a model of 93 MB; and other tests may take the processor.
vi.setConfig({ testTimeout: 900_000 });

const root = join(import.meta.dirname, "..", "..", "..");

test("the example reads a text once", async () => {
  const project = mkdtempSync(join(tmpdir(), "keepwarm-example-"));
  onTestFinished(() => rmSync(project, { recursive: true, force: true }));
  const runtime = dirname(dirname(await obtainLlamaRuntime()));
  mkdirSync(join(project, "node_modules"));
  symlinkSync(root, join(project, "node_modules", "keepwarm"));
  symlinkSync(runtime, join(project, "node_modules", "node-llama-cpp"));
  writeFileSync(join(project, "package.json"), '{ "type": "module" }');
  writeFileSync(join(project, "text"), text.slice(0, 500));
  cpSync(join(root, "examples", "node-llama-cpp", "ask.js"), join(project, "ask.js"));
  const model = await obtainSmollm2();
  const ask = async (question: string): Promise<[reused: number, prompt: number]> => {
    const { code, stdout, stderr } = await run(
      process.execPath,
      ["ask.js", model, "text", question],
      { cwd: project, env: { ...process.env, THREADS: "1", MAX_TOKENS: "2" } },
    );
    expect({ code, stdout: stdout.length > 1 }, stderr).toEqual({ code: 0, stdout: true });
    const [, reused, prompt] = /(\d+) of (\d+) tokens reused/.exec(stderr)!;
    return [Number(reused), Number(prompt)];
  };
  const [cold] = await ask("Who writes?");
  expect(cold).toBe(0);
  const [same, all] = await ask("Who writes?");
  expect(same).toBe(all);
  const [shared] = await ask("And who reads it?");
  expect(shared).toBeGreaterThan(96);
});
