import { readFileSync } from "node:fs";
import { exitCodeOf } from "../../src/cli/exit-code.ts";
import { errorCodes, KeepwarmError } from "../../src/errors.ts";
import { table } from "./regions.ts";

const source = readFileSync(new URL("../../src/errors.ts", import.meta.url), "utf8");

/** Every code of a KeepwarmError with what its doc comment says, and the CLI's exit code for it. */
export function errorTable(): string {
  const rows = errorCodes.map((code) => {
    const meaning = new RegExp(`/\\*\\* (.+) \\*/\\n\\s*"${code}",`).exec(source)?.[1];
    if (meaning === undefined) throw new Error(`src/errors.ts does not say what ${code} means`);
    return [`\`${code}\``, meaning, String(exitCodeOf(new KeepwarmError(code, "")))];
  });
  return table(["code", "meaning", "exit code"], rows);
}
