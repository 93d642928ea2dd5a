import { KeepwarmError } from "../errors.ts";
import { formatOrigin, type Origin } from "./origin.ts";

/** One thing that is wrong with a configuration. */
export interface Problem {
  readonly origin: Origin;
  /** Dotted path of the setting; empty when the file as a whole is meant. */
  readonly path: string;
  readonly message: string;
  /** What to do about it, as a sentence. */
  readonly remedy?: string;
}

/** `keepwarm.yaml:3:10: ram.polcy: is not a setting. Did you mean "policy"?` */
export function formatProblem(problem: Problem): string {
  const where = problem.origin.from === "default" ? [] : [formatOrigin(problem.origin)];
  const what = [...where, ...(problem.path === "" ? [] : [problem.path]), problem.message];
  return `${what.join(": ")}${problem.remedy === undefined ? "" : `. ${problem.remedy}`}`;
}

/** All problems as one error. */
export function configError(problems: readonly Problem[]): KeepwarmError {
  return new KeepwarmError("CONFIG_INVALID", problems.map(formatProblem).join("\n"), {
    remedy: "Run `keepwarm config check` after the change.",
  });
}
