import type { Command } from "commander";
import { clientOptions, example, outputOptions } from "../options.ts";
import type { DefineVerb } from "../verb.ts";
import { traceInfo } from "./trace-info.ts";
import { traceReplay } from "./trace-replay.ts";

export const define: DefineVerb = (command, bind) => {
  const replay = child(command, "replay", "drive a store with a trace and report its hit rate")
    .argument("<file>", "trace in Mooncake format: one JSON object a line")
    .option("--block-size <size>", "bytes of a block", "64KiB")
    .option("--block-tokens <n>", "tokens of a block (default: what fits the trace)")
    .option("--capacity-blocks <n>", "blocks the store shall keep at most, for this run")
    .option("--ssd-capacity-blocks <n>", "with --spawn: give it a disk tier of this many blocks")
    .option("--policy <name>", "eviction policy for this run: lru or s3fifo")
    .option("--requests <n>", "stop after this many requests")
    .option("--connections <n>", "connections to the store", "4")
    .option("--depth <n>", "blocks in flight on each", "8")
    .option("--spawn", "use a server of its own, sized for the run, and end it afterwards")
    .option("--keep", "leave the blocks in the store");
  clientOptions(replay).action(bind(traceReplay));
  example(
    replay,
    "keepwarm trace replay conversation_trace.jsonl --spawn --block-size 4KiB --capacity-blocks 10000 --policy lru",
  );
  const info = child(command, "info", "sum a trace up").argument("<file>", "trace");
  outputOptions(info).action(bind(traceInfo));
  example(info, "keepwarm trace info conversation_trace.jsonl");
  example(command, "keepwarm trace replay conversation_trace.jsonl --spawn");
};

function child(command: Command, name: string, summary: string): Command {
  return command.command(name).copyInheritedSettings(command).summary(summary).description(summary);
}
