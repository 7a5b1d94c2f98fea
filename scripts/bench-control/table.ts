/** What was measured, against what it should be. */
export interface Row {
  readonly what: string;
  readonly measured: string;
  readonly goal: string;
  readonly isMet: boolean;
}

/** The value below which a share of the values lies; NaN of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Markdown, so that it can go into a page as it is. */
export function formatTable(rows: readonly Row[]): string {
  const cells = rows.map(({ what, measured, goal, isMet }) => [what, measured, goal, isMet ? "yes" : "no"]);
  const all = [["", "measured", "goal", "met"], ...cells];
  const widths = [0, 1, 2, 3].map((column) => Math.max(3, ...all.map((row) => row[column]!.length)));
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |`;
  return [
    line(all[0]!),
    `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`,
    ...all.slice(1).map(line),
  ].join("\n");
}
