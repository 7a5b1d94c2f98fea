import type { StatusCause } from "../status.ts";

/** Collects what is wrong with an object, in the words and reasons of Kubernetes. */
export class Causes {
  readonly list: StatusCause[] = [];

  required(field: string, detail?: string): void {
    this.list.push({
      field,
      reason: "FieldValueRequired",
      message: detail ? `Required value: ${detail}` : "Required value",
    });
  }

  invalid(field: string, value: unknown, detail: string): void {
    this.list.push({
      field,
      reason: "FieldValueInvalid",
      message: `Invalid value: ${shown(value)}: ${detail}`,
    });
  }

  duplicate(field: string, value: unknown): void {
    this.list.push({ field, reason: "FieldValueDuplicate", message: `Duplicate value: ${shown(value)}` });
  }

  absent(field: string, value: unknown): void {
    this.list.push({ field, reason: "FieldValueNotFound", message: `Not found: ${shown(value)}` });
  }

  unsupported(field: string, value: unknown, allowed: readonly string[]): void {
    const values = allowed.map((each) => JSON.stringify(each)).join(", ");
    this.list.push({
      field,
      reason: "FieldValueNotSupported",
      message: `Unsupported value: ${shown(value)}: supported values: ${values}`,
    });
  }

  forbidden(field: string, detail: string): void {
    this.list.push({ field, reason: "FieldValueForbidden", message: `Forbidden: ${detail}` });
  }
}

function shown(value: unknown): string {
  return JSON.stringify(value) ?? "null";
}
