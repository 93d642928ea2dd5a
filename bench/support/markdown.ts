/** A Markdown table, as it is read and not aligned. */
export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  return [head, head.map(() => "---"), ...rows]
    .map((fields) => `| ${fields.join(" | ")} |`)
    .join("\n");
}
