import { stringify } from "yaml";
import { evaluateJsonPath } from "./jsonpath.ts";
import type { MeshView, TableContent, ViewFormat } from "./mesh-view.ts";
import { renderTable } from "./table.ts";

/** A view as the text of stdout; "" when a table would be empty. */
export function printView(view: MeshView, format: ViewFormat, columns?: number): string {
  switch (format.kind) {
    case "json":
      return `${JSON.stringify(view.data, undefined, 2)}\n`;
    case "yaml":
      return stringify(view.data, { lineWidth: 0 });
    case "csv":
      return toCsv(view.data);
    case "jsonpath": {
      const found = evaluateJsonPath(format.path, view.data);
      return found === undefined ? "" : `${found}\n`;
    }
    default:
      return view.tables.map((table) => tableLines(table, columns).join("\n").concat("\n")).join("\n");
  }
}

/** Lines of a table with the widest gap that the terminal has room for; without a terminal, the usual one. */
export function tableLines(table: TableContent, columns: number | undefined): string[] {
  const heading = table.heading === undefined ? [] : [table.heading];
  for (let gap = 3; ; gap--) {
    const lines = renderTable(table.columns, table.rows, gap).trimEnd().split("\n");
    if (columns === undefined || gap === 1 || lines.every((line) => line.length <= columns)) {
      return [...heading, ...lines];
    }
  }
}

/** Rows of flat objects as RFC 4180: a header of all keys in the order of their first appearance, absent and null cells empty. */
function toCsv(data: unknown): string {
  const rows = (Array.isArray(data) ? data : Object.values(data as object).flat()) as Record<
    string,
    unknown
  >[];
  const keys = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  if (keys.length === 0) return "";
  return [keys, ...rows.map((row) => keys.map((key) => row[key]))]
    .map((cells) => `${cells.map(csvCell).join(",")}\n`)
    .join("");
}

function csvCell(value: unknown): string {
  if (value === undefined || value === null) return "";
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
