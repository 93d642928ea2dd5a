const gap = "  │  ";

/** Two texts next to each other, wrapped, each half of `width` characters wide. */
export function sideBySide(
  left: readonly [title: string, text: string],
  right: readonly [title: string, text: string],
  width: number,
): string {
  const columnWidth = Math.floor((width - gap.length) / 2);
  const columns = [left, right].map(([title, text]) => [title, ...wrap(text, columnWidth)]);
  const height = Math.max(...columns.map(({ length }) => length));
  const lines = Array.from({ length: height }, (_, line) =>
    columns
      .map((column) => (column[line] ?? "").padEnd(columnWidth))
      .join(gap)
      .trimEnd(),
  );
  return `${lines.join("\n")}\n`;
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.replaceAll(/\s+/g, " ").split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
