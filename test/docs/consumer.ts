import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { run } from "../../src/testing/servers/run.ts";
import { root } from "./markdown.ts";

const require = createRequire(import.meta.url);
const tsc = join(dirname(require.resolve("typescript/package.json")), "bin", "tsc");
const tsconfig = {
  compilerOptions: {
    strict: true,
    target: "es2023",
    lib: ["es2023", "esnext.disposable"],
    module: "nodenext",
    types: ["node"],
  },
  files: ["program.ts"],
};

/**
 * Compiles a TypeScript program in a project of its own, in which this package (as built) is
 * installed, and runs it. Answers what it printed; throws with what went wrong.
 */
export async function runAsConsumer(code: string): Promise<string> {
  const project = mkdtempSync(join(tmpdir(), "keepwarm-consumer-"));
  try {
    const modules = join(project, "node_modules");
    mkdirSync(modules);
    symlinkSync(root, join(modules, "keepwarm"));
    symlinkSync(join(root, "node_modules", "@types"), join(modules, "@types"));
    writeFileSync(join(project, "package.json"), '{ "type": "module" }');
    writeFileSync(join(project, "program.ts"), code);
    writeFileSync(join(project, "tsconfig.json"), JSON.stringify(tsconfig));
    await must([tsc, "-p", project]);
    return await must([join(project, "program.js")]);
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
}

async function must(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(process.execPath, args);
  if (code !== 0) throw new Error(`exit code ${code}\n${stdout}${stderr}`);
  return stdout;
}
