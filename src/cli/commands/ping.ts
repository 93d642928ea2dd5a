import { parseCount } from "../parse.ts";
import { withServer } from "../server/connect.ts";
import { formatDuration } from "../../util/units.ts";
import { ExitCode } from "../exit-code.ts";
import { clientOptions, example, type ClientFlags } from "../options.ts";
import type { DefineVerb, VerbContext } from "../verb.ts";

export const define: DefineVerb = (command, bind) => {
  clientOptions(command.option("-n, --count <n>", "pings to send", "3")).action(bind(run));
  example(command, "keepwarm ping --url redis://10.0.0.7:6379 && echo up");
};

async function run(
  { io, out }: VerbContext,
  flags: ClientFlags & { readonly count: string },
): Promise<ExitCode> {
  const count = parseCount(flags.count, "--count", 1);
  const started = performance.now();
  return withServer(flags, io, async (connection) => {
    const connectMs = performance.now() - started;
    const times: number[] = [];
    for (let i = 0; i < count; i++) {
      const sent = performance.now();
      await connection.command(["PING"], { signal: io.signal });
      times.push(performance.now() - sent);
    }
    const pingMs = Math.min(...times);
    out.result({ ok: true, url: connection.label, connectMs, pingMs, count }, () =>
      out.facts([
        ["server", connection.label],
        ["state", out.paint("green", "up")],
        ["connect", formatDuration(connectMs)],
        ["ping", `${formatDuration(pingMs)} (best of ${count})`],
      ]),
    );
    return ExitCode.ok;
  });
}
