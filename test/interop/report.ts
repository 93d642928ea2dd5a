import type { Check } from "./peer.ts";

/** A table with a row for each check and a column for each variant, then the reasons of failures. */
export function formatReport(checks: readonly Check[]): string {
  const variants = [...new Set(checks.map(({ variant }) => variant))];
  const names = [...new Set(checks.map(({ name }) => name))];
  const verdicts = new Map(
    checks.map(({ variant, name, passed }) => [`${variant}\n${name}`, passed ? "PASS" : "FAIL"]),
  );
  const nameWidth = Math.max(...names.map((name) => name.length), 0);
  const row = (name: string, cells: readonly string[]) =>
    [name.padEnd(nameWidth), ...cells.map((cell, index) => cell.padEnd(variants[index].length))]
      .join("  ")
      .trimEnd();
  const lines = [
    row("", variants),
    ...names.map((name) =>
      row(
        name,
        variants.map((variant) => verdicts.get(`${variant}\n${name}`) ?? "-"),
      ),
    ),
  ];
  for (const { variant, name, passed, reason } of checks)
    if (!passed) lines.push("", `FAIL ${variant}: ${name}`, reason ?? "no reason given");
  return lines.join("\n");
}

/** The closing line: `N passed, N failed`. */
export function formatTally(checks: readonly Check[]): string {
  const passed = checks.filter((check) => check.passed).length;
  return `${passed} passed, ${checks.length - passed} failed`;
}
