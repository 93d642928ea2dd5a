import { parseKey } from "../../keys/family.ts";
import { compileGlob } from "../../util/glob.ts";
import { ExitCode } from "../exit-code.ts";
import { type ClientFlags, clientOptions, example } from "../options.ts";
import { parseCount } from "../parse.ts";
import { serverAddress } from "../server/connect.ts";
import type { SeenRequest } from "../server/monitor.ts";
import type { DefineVerb, VerbContext } from "../verb.ts";

interface MonitorFlags extends ClientFlags {
  readonly match?: string;
  readonly model?: string;
  readonly count?: string;
}

export const define: DefineVerb = (command, bind) => {
  clientOptions(
    command
      .option("-m, --match <glob>", "only requests about a key like this: * ? [a-z]")
      .option("--model <name>", "only requests about a key of this model")
      .option("-c, --count <n>", "requests to show (default: until Ctrl-C)"),
  ).action(bind(run));
  example(command, "keepwarm monitor --model Qwen/Qwen3-8B");
};

async function run({ io, out }: VerbContext, flags: MonitorFlags): Promise<ExitCode> {
  const { watchRequests } = await import("../server/monitor.ts");
  const count = flags.count === undefined ? Infinity : parseCount(flags.count, "--count", 1);
  const isWanted = filterOf(flags);
  let shown = 0;
  for await (const request of watchRequests(serverAddress(flags, io), io.signal)) {
    if (!isWanted(request)) continue;
    const { time, database, client, command, args } = request;
    const at = new Date(time * 1000).toISOString();
    if (out.json) out.object({ ...request, time: at });
    else {
      const words = [command.toUpperCase(), ...args].join(" ");
      const cells = [at.slice(11, 23), `${client}/${database}`, words];
      out.text(cells.join(out.isTerminal ? "  " : "\t"));
    }
    if (++shown >= count) break;
  }
  return ExitCode.ok;
}

function filterOf({ match, model }: MonitorFlags): (request: SeenRequest) => boolean {
  if (match === undefined && model === undefined) return () => true;
  const glob = match === undefined ? undefined : compileGlob(match);
  return ({ args }) =>
    args.some(
      (word) =>
        glob?.(Buffer.from(word)) !== false &&
        (model === undefined || parseKey(word).model === model),
    );
}
