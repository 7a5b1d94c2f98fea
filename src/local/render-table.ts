/** `Table` of meta/v1, as far as it is printed. */
export interface KubeTable {
  readonly columnDefinitions: readonly { readonly name: string; readonly priority?: number }[];
  readonly rows?: readonly {
    readonly cells: readonly unknown[];
    readonly object?: { readonly metadata?: { readonly namespace?: string } };
  }[];
}

/** What `Accept` asks for it. */
export const TABLE_ACCEPT = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

/** A server-side table as text: columns in capitals, padded, three spaces between; those of priority 0 only, unless `wide`. */
export function renderKubeTable(
  table: KubeTable,
  options: { readonly wide: boolean; readonly withNamespace: boolean },
): string {
  const shown = table.columnDefinitions
    .map((column, index) => ({ column, index }))
    .filter(({ column }) => options.wide || (column.priority ?? 0) === 0);
  const lines: string[][] = [shown.map(({ column }) => column.name.toUpperCase())];
  if (options.withNamespace) lines[0]!.unshift("NAMESPACE");
  for (const row of table.rows ?? []) {
    const cells = shown.map(({ index }) => String(row.cells[index] ?? ""));
    if (options.withNamespace) cells.unshift(row.object?.metadata?.namespace ?? "");
    lines.push(cells);
  }
  const widths = lines[0]!.map((_cell, index) => Math.max(...lines.map((line) => line[index]!.length)));
  return lines
    .map(
      (line) =>
        `${line
          .map((cell, index) => cell.padEnd(widths[index]!))
          .join("   ")
          .trimEnd()}\n`,
    )
    .join("");
}
