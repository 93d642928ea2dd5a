import { execFileSync } from "node:child_process";
import { cpus, release, totalmem } from "node:os";
import { congestionControl } from "./namespace.ts";

/** What a reader needs to know about the machine before comparing numbers. */
export interface MachineFacts {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly congestionControl: string;
  /** The version under test, with the commit where it is known. */
  readonly keepwarm: string;
}

export function machineFacts(version: string): MachineFacts {
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: release(),
    congestionControl: congestionControl(),
    keepwarm: [version, commit()].filter(Boolean).join(" "),
  };
}

function commit(): string {
  try {
    const words = ["rev-parse", "--short", "HEAD"];
    return execFileSync("git", words, { cwd: import.meta.dirname, stdio: "pipe" })
      .toString()
      .trim();
  } catch {
    return "";
  }
}
