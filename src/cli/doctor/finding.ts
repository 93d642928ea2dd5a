/** How much a finding matters: nothing to do, could be better, must be changed. */
export type Level = "ok" | "hint" | "problem";

/** One thing that was looked at. */
export interface Finding {
  /** The server's URL without its password, or `this machine`. */
  readonly subject: string;
  /** What was looked at, in a word or two. */
  readonly check: string;
  readonly level: Level;
  /** What was found, in one sentence. */
  readonly what: string;
  /** What to change, in one sentence with the exact setting. */
  readonly fix?: string;
}

/** Writes down what is found about one subject. */
export class Findings {
  readonly subject: string;
  readonly all: Finding[] = [];

  constructor(subject: string) {
    this.subject = subject;
  }

  ok(check: string, what: string): void {
    this.all.push({ subject: this.subject, check, level: "ok", what });
  }

  hint(check: string, what: string, fix: string): void {
    this.all.push({ subject: this.subject, check, level: "hint", what, fix });
  }

  problem(check: string, what: string, fix: string): void {
    this.all.push({ subject: this.subject, check, level: "problem", what, fix });
  }
}
