import { isKeepwarmError } from "../errors.ts";

/** What the process answers to its caller; the table stands in docs/cli.md. */
export const ExitCode = {
  ok: 0,
  /** Down, failed, not found, or bytes that are wrong. */
  failed: 1,
  /** Works in part. */
  degraded: 2,
  /** Unknown verb, flag or argument. */
  usage: 64,
  /** Input (a file, a trace, a URL) that cannot be used. */
  input: 65,
  /** Not in this version, or not with this server. */
  unsupported: 69,
  /** Configuration that cannot be used. */
  config: 78,
  /** Stopped by Ctrl-C. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** The exit code that an error stands for. */
export function exitCodeOf(error: unknown): ExitCode {
  if (!isKeepwarmError(error)) return ExitCode.failed;
  switch (error.code) {
    case "CONFIG_INVALID":
      return ExitCode.config;
    case "INPUT_INVALID":
      return ExitCode.input;
    case "UNSUPPORTED":
      return ExitCode.unsupported;
    default:
      return ExitCode.failed;
  }
}
