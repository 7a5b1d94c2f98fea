import type { CompiledCrd, PrinterColumn } from "../crd/compiled-crd.ts";
import { age } from "./age.ts";
import type { Column } from "./column.ts";
import { AGE, NAME } from "./common.ts";
import { evaluateJsonPath } from "./json-path.ts";

/** The `additionalPrinterColumns` of a CRD; without any, name and age. */
export function customColumns(crd: CompiledCrd): readonly Column[] {
  if (crd.columns.length === 0) return [NAME, AGE];
  return [NAME, ...crd.columns.map(toColumn)];
}

function toColumn(column: PrinterColumn): Column {
  return {
    name: column.name,
    type: (["string", "integer", "number", "boolean", "date"].includes(column.type)
      ? column.type
      : "string") as "string",
    description: column.description,
    priority: column.priority,
    cell(object, nowMs) {
      const values = evaluateJsonPath(column.jsonPath, object);
      const value = values[0];
      if (value === undefined || value === null) return column.type === "date" ? "<unknown>" : null;
      if (column.type === "date") return age(String(value), nowMs);
      if (column.type === "string") return values.map(textOf).join(",");
      return value;
    },
  };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
