import type { Command } from "commander";
import type { OutputFlags } from "./output.ts";

const guide = "docs/cli.md";

/** Flags that every verb has. */
export function outputOptions(command: Command): Command {
  return command
    .option("--json", "print one JSON object (or one a line) for programs")
    .option("-q, --quiet", "print errors only");
}

/** Flags of verbs that talk to a server. */
export interface ClientFlags extends OutputFlags {
  readonly url?: string;
  readonly timeout?: string;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly insecure?: boolean;
}

export function clientOptions(command: Command): Command {
  return outputOptions(
    command
      .option("--url <url>", "the server (default: KEEPWARM_URL, else redis://127.0.0.1:6379)")
      .option("--timeout <duration>", "most time for one call", "10s")
      .option("--tls-ca <file>", "PEM authority that the server's certificate comes from")
      .option("--tls-cert <file>", "PEM certificate to show to the server")
      .option("--tls-key <file>", "its PEM private key")
      .option("--insecure", "accept any server certificate"),
  );
}

/** The worked example at the end of a verb's help. */
export function example(command: Command, ...lines: readonly string[]): void {
  const text = lines.map((line) => `  $ ${line}`).join("\n");
  command.addHelpText("after", `\nExample:\n${text}\n\nMore: ${guide}`);
}
