import { format } from "prettier";

const region = (name: string): RegExp =>
  new RegExp(`(<!-- generated: ${name} -->\n)[^]*?(\n<!-- end of ${name} -->)`);

/**
 * `page` with the text between `<!-- generated: name -->` and `<!-- end of name -->` replaced, laid
 * out as prettier does. Throws when the page has no such region.
 */
export async function withRegion(page: string, name: string, markdown: string): Promise<string> {
  if (!region(name).test(page)) throw new Error(`the page has no region "${name}"`);
  const filled = page.replace(
    region(name),
    (_, begin: string, end: string) => `${begin}\n${markdown}\n${end}`,
  );
  return format(filled, { parser: "markdown", printWidth: 100 });
}

/** A Markdown table; `|` in cells is escaped. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [row(head), row(head.map(() => "---")), ...rows.map(row)].join("\n");
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}
