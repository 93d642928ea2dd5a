import { setTimeout } from "node:timers/promises";
import { parseCount } from "../parse.ts";
import { withServer } from "../server/connect.ts";
import { takeSnapshot } from "../server/snapshot.ts";
import { rates, statCells, statHeading, statLine } from "../server/rates.ts";
import { parseDuration } from "../../util/units.ts";
import { ExitCode } from "../exit-code.ts";
import { clientOptions, example, type ClientFlags } from "../options.ts";
import type { DefineVerb, VerbContext } from "../verb.ts";

interface StatFlags extends ClientFlags {
  readonly interval: string;
  readonly count?: string;
}

export const define: DefineVerb = (command, bind) => {
  clientOptions(
    command
      .option("-i, --interval <duration>", "time between lines", "1s")
      .option("-c, --count <n>", "lines to print (default: until Ctrl-C)"),
  ).action(bind(run));
  example(command, "keepwarm stat -i 5s");
};

/** Lines between two headings on a terminal. */
const headingEvery = 20;

async function run({ io, out }: VerbContext, flags: StatFlags): Promise<ExitCode> {
  const intervalMs = Math.max(10, parseDuration(flags.interval));
  const count = flags.count === undefined ? Infinity : parseCount(flags.count, "--count", 1);
  return withServer(flags, io, async (connection) => {
    let last = await takeSnapshot(connection);
    let lastAt = performance.now();
    for (let line = 0; line < count; line++) {
      try {
        await setTimeout(intervalMs, undefined, { signal: io.signal });
      } catch {
        return ExitCode.ok;
      }
      const next = await takeSnapshot(connection);
      const now = performance.now();
      const sample = rates(last, next, (now - lastAt) / 1000);
      if (out.json) out.object({ time: new Date().toISOString(), ...sample });
      else {
        if (out.isTerminal && line % headingEvery === 0)
          out.text(out.paint("bold", statHeading(sample)));
        out.text(out.isTerminal ? statLine(sample) : statCells(sample).join("\t"));
      }
      [last, lastAt] = [next, now];
    }
    return ExitCode.ok;
  });
}
