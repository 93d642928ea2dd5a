import type { Paint } from "./style.ts";

export interface Column {
  readonly title: string;
  /** Default left. */
  readonly align?: "left" | "right";
}

/** Rows as a terminal shows them: a heading, aligned columns, two spaces between. */
export function alignedTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  paint: Paint,
): string {
  const widths = columns.map(({ title }, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) =>
        columns[column]?.align === "right"
          ? cell.padStart(widths[column])
          : cell.padEnd(widths[column]),
      )
      .join("  ")
      .trimEnd();
  const heading = line(columns.map(({ title }) => title));
  return [paint("bold", heading), ...rows.map(line)].join("\n").concat("\n");
}

/** Rows for a pipe: one line each, tabs between, no heading. */
export function tabbedTable(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `${row.map(flat).join("\t")}\n`).join("");
}

function flat(cell: string): string {
  return cell.replaceAll(/[\t\r\n]/g, " ");
}
