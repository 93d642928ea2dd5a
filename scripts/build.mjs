// Compiles src/ to dist/ with the pinned compiler and makes the command executable. The new dist/
// replaces the old one whole, so that tests and servers that use it meanwhile find one or the other.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const require = createRequire(import.meta.url);
const tsc = join(dirname(require.resolve("typescript/package.json")), "bin", "tsc");
const dist = join(root, "dist");
const scratch = mkdtempSync(join(root, "dist-building-"));

try {
  const fresh = join(scratch, "new");
  const { status } = spawnSync(
    process.execPath,
    [tsc, "-p", "tsconfig.build.json", "--outDir", fresh],
    { cwd: root, stdio: "inherit" },
  );
  if (status !== 0) process.exitCode = status ?? 1;
  else {
    chmodSync(join(fresh, "cli", "main.js"), 0o755);
    replace(dist, fresh);
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

/** Puts `fresh` in the place of `folder`, also when another build does the same just now. */
function replace(folder, fresh) {
  for (let attempt = 0; ; attempt++) {
    try {
      renameSync(folder, join(scratch, `old-${attempt}`));
    } catch (error) {
      if (error.code !== "ENOENT") throw error;
    }
    try {
      renameSync(fresh, folder);
      return;
    } catch (error) {
      if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
      if (attempt === 10) throw error;
    }
  }
}
