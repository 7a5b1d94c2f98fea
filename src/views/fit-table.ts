import type { TableContent } from "./mesh-view.ts";
import { tableLines } from "./print-view.ts";

/** Lines of a table that fit a width, and the headers of the columns that had no room. */
export interface FittedTable {
  readonly lines: readonly string[];
  readonly hidden: readonly string[];
}

/**
 * A table for a terminal: first the gaps shrink, then columns go, the one with the highest `rank` first. Columns without a rank
 * stay, whatever the width.
 */
export function fitTable(table: TableContent, width: number): FittedTable {
  const hidden: string[] = [];
  let current = table;
  for (;;) {
    const lines = tableLines(current, width);
    if (lines.every((line) => line.length <= width)) return { lines, hidden };
    const ranks = current.columns.map(({ rank }) => rank ?? 0);
    const highest = Math.max(...ranks);
    if (highest === 0) return { lines, hidden };
    const gone = ranks.lastIndexOf(highest);
    hidden.push(current.columns[gone]!.header);
    current = {
      ...current,
      columns: current.columns.toSpliced(gone, 1),
      rows: current.rows.map((row) => row.toSpliced(gone, 1)),
    };
  }
}
