import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import { run } from "../../../src/util/run.ts";
import { obtainTransformersRuntime } from "../../support/onnx-model/runtime.ts";
import { obtainOnnxSmollm2 } from "../../support/onnx-model/smollm2.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** A folder with this package, as built, and transformers.js among its modules, as npm would lay them. */
async function makeProject(): Promise<string> {
  const project = await mkdtemp(join(tmpdir(), "keepwarm-example-"));
  onTestFinished(() => rm(project, { recursive: true }));
  const modules = join(project, "node_modules");
  const runtime = await obtainTransformersRuntime();
  await linkAll(runtime.slice(0, runtime.indexOf("@huggingface")), modules);
  await linkAll(join(root, "node_modules"), modules);
  await symlink(root, join(modules, "keepwarm"));
  await writeFile(join(project, "package.json"), '{ "type": "module" }');
  return project;
}

async function linkAll(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const name of await readdir(from)) {
    if (name.startsWith("@")) await linkAll(join(from, name), join(to, name));
    else if (!existsSync(join(to, name))) await symlink(join(from, name), join(to, name));
  }
}

it("examples/transformers/ask.js reuses what an earlier run read", async () => {
  const project = await makeProject();
  // A few layers say nothing sensible, but are quick.
  const model = await obtainOnnxSmollm2({ layers: 4 });
  const text = "The ferry leaves at nine, and Ada sells coffee on it.\n".repeat(10);
  await writeFile(join(project, "text.txt"), text);
  const program = join(project, "ask.js");
  await symlink(join(root, "examples", "transformers", "ask.js"), program);
  const ask = async (question: string): Promise<string> => {
    const args = ["--preserve-symlinks", "--preserve-symlinks-main", program];
    const { code, stderr } = await run(process.execPath, [...args, model, "text.txt", question], {
      cwd: project,
      env: { ...process.env, MAX_TOKENS: "2" },
    });
    expect(code, stderr).toBe(0);
    return /(HIT|PARTIAL|MISS): .*/.exec(stderr)?.[0] ?? stderr;
  };
  expect(await ask("When does the ferry leave?")).toMatch(/^MISS: 0 of \d+ tokens reused$/);
  expect(await ask("When does the ferry leave?")).toMatch(/^HIT: (\d+) of \1 tokens .* from ssd/);
  expect(await ask("Who sells coffee?")).toMatch(/^PARTIAL: 1\d\d of \d+ tokens reused from ssd/);
}, 180_000);
