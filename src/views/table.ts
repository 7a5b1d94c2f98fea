/** A column of a text table. */
export interface Column {
  readonly header: string;
  readonly align: "left" | "right";
  /** Where there is no room, columns go by their rank, the highest first; absent: it stays. */
  readonly rank?: number;
}

/**
 * A table as text: cells padded to the widest of their column, `gap` spaces between, one line a row, no trailing spaces.
 * Width counts code points, which is right for everything that we print.
 */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  gap = 3,
): string {
  const lines = [columns.map((column) => column.header), ...rows];
  const widths = columns.map((_, index) => Math.max(...lines.map((cells) => width(cells[index] ?? ""))));
  return lines
    .map((cells) => {
      const padded = columns.map(({ align }, index) => pad(cells[index] ?? "", widths[index]!, align));
      return `${padded.join(" ".repeat(gap)).trimEnd()}\n`;
    })
    .join("");
}

function pad(text: string, columns: number, align: "left" | "right"): string {
  const fill = " ".repeat(Math.max(0, columns - width(text)));
  return align === "left" ? text + fill : fill + text;
}

function width(text: string): number {
  return [...text].length;
}
