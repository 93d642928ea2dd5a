import { isKeepwarmError } from "../errors.ts";
import { wantsColor, type CliIo } from "./io.ts";
import { painter } from "./render/style.ts";

/** Tells of an error: its code, one sentence and the next step; under `--json` an object as well. */
export function reportFailure(error: unknown, io: CliIo, json: boolean): void {
  const known = isKeepwarmError(error);
  const code = known ? error.code : "INTERNAL";
  const message = error instanceof Error ? error.message : String(error);
  const remedy = known ? error.remedy : undefined;
  if (json) io.stdout.write(`${JSON.stringify({ error: { code, message, remedy } })}\n`);
  const paint = painter(wantsColor(io.stderr, io.env));
  io.stderr.write(`${paint("red", code)}: ${message}\n`);
  if (remedy !== undefined) io.stderr.write(`  ${remedy}\n`);
  if (!known && error instanceof Error && io.env["KEEPWARM_DEBUG"])
    io.stderr.write(`${error.stack}\n`);
}
