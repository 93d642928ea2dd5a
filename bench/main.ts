// The benches: `npm run bench -- <name>`. README.md beside this file tells what they measure.
import { Command } from "commander";
import { isKeepwarmError } from "../src/errors.ts";
import { channelCommand } from "./channel/command.ts";
import { clientCommand } from "./client/command.ts";
import { codecsCommand } from "./codecs/command.ts";
import { gcCommand } from "./gc/command.ts";
import { keysCommand } from "./keys/command.ts";
import { lmCommand } from "./lm/command.ts";
import { serverCommand } from "./server/command.ts";
import { ssdCommand } from "./ssd/command.ts";
import { ttftCommand } from "./ttft/command.ts";

const commands = [
  serverCommand,
  gcCommand,
  keysCommand,
  lmCommand,
  clientCommand,
  channelCommand,
  ssdCommand,
  codecsCommand,
  ttftCommand,
];

const program = new Command("bench")
  .description("Measures Keepwarm on this machine. Numbers are news, never a failing exit code.")
  .usage("<name> [options]");
for (const command of commands) program.addCommand(command);

try {
  await program.parseAsync();
} catch (error) {
  if (!isKeepwarmError(error)) throw error;
  console.error([error.message, error.remedy].filter(Boolean).join("\n"));
  process.exitCode = 1;
}
