import type { RespConnection } from "../../backends/valkey/connection.ts";
import { formatBytes, formatCount } from "../../util/units.ts";
import { ExitCode } from "../exit-code.ts";
import { type ClientFlags, clientOptions, example } from "../options.ts";
import { plural } from "../render/plural.ts";
import { showKey } from "../render/key.ts";
import { batches, sizeOf } from "../server/batches.ts";
import { withServer } from "../server/connect.ts";
import { type Chosen, type SelectorFlags, select, selectorOptions } from "../server/select.ts";
import { replyCount } from "../server/snapshot.ts";
import type { DefineVerb, VerbContext } from "../verb.ts";

/** Questions under way at a time. */
const AT_ONCE = 200;
/** Most keys that people are shown. */
const MOST_SHOWN = 50;

export const define: DefineVerb = (command, bind) => {
  clientOptions(selectorOptions(command)).action(bind(run));
  example(command, "keepwarm usage --model Qwen/Qwen3-8B", "keepwarm usage KEY --json");
};

async function run(
  { io, out }: VerbContext,
  flags: ClientFlags & SelectorFlags,
  names: readonly string[],
): Promise<ExitCode> {
  return withServer(flags, io, async (connection) => {
    const { blocks, missing } = await select(connection, "usage", names, flags, io);
    const memory = await memoryOf(connection, blocks, io.signal);
    const keys = blocks.map(({ key, bytes }, index) => ({
      key: showKey(Buffer.from(key)),
      bytes,
      memoryBytes: memory[index],
    }));
    const bytes = sizeOf(blocks);
    const memoryBytes = memory.reduce((sum, each) => sum + each, 0);
    keys.sort((a, b) => b.memoryBytes - a.memoryBytes);
    out.result({ blocks: blocks.length, bytes, memoryBytes, missing, keys }, () =>
      out.table(
        [{ title: "KEY" }, { title: "VALUE", align: "right" }, { title: "TAKES", align: "right" }],
        keys
          .slice(0, MOST_SHOWN)
          .map(({ key, bytes, memoryBytes }) => [
            key,
            formatBytes(bytes),
            formatBytes(memoryBytes),
          ]),
      ),
    );
    const more = keys.length - MOST_SHOWN;
    const rest = more > 0 ? `; ${formatCount(more)} smaller ones not shown (--json has all)` : "";
    out.note(
      `${plural(blocks.length, "block")}, ${formatBytes(bytes)} in values, take ${formatBytes(memoryBytes)}${rest}`,
    );
    if (missing === 0) return ExitCode.ok;
    return blocks.length > 0 ? ExitCode.degraded : ExitCode.failed;
  });
}

/** Bytes that each block takes with its key and all overhead; 0 when it is gone. */
async function memoryOf(
  connection: RespConnection,
  blocks: readonly Chosen[],
  signal: AbortSignal,
): Promise<number[]> {
  const memory: number[] = [];
  for (const batch of batches(blocks, { keys: AT_ONCE }))
    memory.push(
      ...(await Promise.all(
        batch.map(async ({ key }) => {
          const reply = await connection.command(["MEMORY", "USAGE", key], { signal });
          return reply === null ? 0 : replyCount(reply);
        }),
      )),
    );
  return memory;
}
