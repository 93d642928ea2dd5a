import type { Output } from "../output.ts";
import { plural } from "../render/plural.ts";
import type { Style } from "../render/style.ts";
import type { Finding, Level } from "./finding.ts";

const styles: Readonly<Record<Level, Style>> = { ok: "green", hint: "yellow", problem: "red" };

/** What was found, for programs. */
export interface Report {
  /** Whether there is no problem. */
  readonly ok: boolean;
  readonly problems: number;
  readonly hints: number;
  readonly findings: readonly Finding[];
}

export function reportOf(findings: readonly Finding[]): Report {
  const count = (level: Level) => findings.filter((finding) => finding.level === level).length;
  const problems = count("problem");
  return { ok: problems === 0, problems, hints: count("hint"), findings };
}

/** For people: each subject with its findings, and under each of them what to change. */
export function reportText(out: Output, findings: readonly Finding[]): string {
  if (!out.isTerminal)
    return out.table(
      [],
      findings.map(({ subject, level, check, what, fix = "" }) => [
        subject,
        level,
        check,
        what,
        fix,
      ]),
    );
  const width = Math.max(...findings.map(({ check }) => check.length));
  const subjects = [...new Set(findings.map(({ subject }) => subject))];
  return subjects
    .map((subject) => {
      const lines = findings
        .filter((finding) => finding.subject === subject)
        .map((finding) => findingText(out, finding, width));
      return `${out.paint("bold", subject)}\n${lines.join("")}`;
    })
    .join("\n");
}

export function summary({ problems, hints }: Report): string {
  if (problems + hints === 0) return "all is well";
  return `${plural(problems, "problem")}, ${plural(hints, "hint")}`;
}

function findingText(out: Output, { level, check, what, fix }: Finding, width: number): string {
  const mark = out.paint(styles[level], level.padEnd("problem".length));
  const line = `  ${mark}  ${check.padEnd(width)}  ${what}\n`;
  return fix === undefined ? line : `${line}${" ".repeat(13 + width)}→ ${fix}\n`;
}
