import { tryParseQuantity } from "../../../values/quantity.ts";
import { setOwn } from "../set-own.ts";
import { FIELD_TABLE } from "./field-table.ts";

export interface Field {
  readonly type: string;
  readonly required: boolean;
}

/** What a walk over an object finds. Paths are written as Kubernetes writes them: `spec.containers[0].name`. */
export interface FieldFindings {
  readonly unknown: string[];
  readonly missing: string[];
  /** Whether some text that must be a quantity is none. */
  badQuantity?: boolean;
  /** The first wrong type: decoding stops there, as Go's does. */
  mismatch:
    | { readonly path: string; readonly want: string; readonly got: string; readonly owner: string }
    | undefined;
}

const parsed = new Map<string, ReadonlyMap<string, Field>>();

/** The fields of a row of the table. */
export function fieldsOf(typeName: string): ReadonlyMap<string, Field> | undefined {
  let fields = parsed.get(typeName);
  if (fields) return fields;
  const words = FIELD_TABLE[typeName];
  if (words === undefined) return undefined;
  fields = new Map(
    words.split(" ").map((word) => {
      const colon = word.indexOf(":");
      const required = word[colon - 1] === "!";
      return [word.slice(0, required ? colon - 1 : colon), { type: word.slice(colon + 1), required }];
    }),
  );
  parsed.set(typeName, fields);
  return fields;
}

/** Quantities may be written as numbers (`cpu: 1`); Kubernetes stores text. */
const QUANTITY_FIELDS = new Set([
  "limits",
  "requests",
  "capacity",
  "allocatable",
  "allocatedResources",
  "hard",
  "used",
  "overhead",
  "divisor",
  "sizeLimit",
  "averageValue",
  "value",
]);

/** Maps whose values are quantities. */
const QUANTITY_MAPS = new Set(["limits", "requests"]);

/** `DeploymentSpec`: how messages of Go name a type. */
function goName(type: string): string {
  return type.replace(/^(?:\w+?)?V\d+/, "");
}

/**
 * Decodes a built-in object by the field table: a copy without unknown and null fields, quantities as text.
 * Unknown fields and the first wrong type are reported to `findings`.
 */
export function decodeFields(typeName: string, value: unknown, findings: FieldFindings): unknown {
  return decode(typeName, value, { path: "", name: "", owner: typeName }, findings);
}

/** Where a value is: its path, the last field's name, and the type that has that field. */
interface Place {
  readonly path: string;
  readonly name: string;
  readonly owner: string;
}

function decode(type: string, value: unknown, place: Place, findings: FieldFindings): unknown {
  const { path, name, owner } = place;
  const wrong = (want: string): unknown => {
    findings.mismatch ??= { path, want, got: typeWord(value), owner: goName(owner) };
    return undefined;
  };
  if (type.startsWith("[]")) {
    if (!Array.isArray(value)) return wrong("array");
    const inner = type.slice(2);
    return value.map((item, index) =>
      decode(inner, item, { path: `${path}[${index}]`, name, owner }, findings),
    );
  }
  if (type.startsWith("{}")) {
    if (!isRecord(value)) return wrong("map");
    const inner = type.slice(2);
    const result: Record<string, unknown> = {};
    for (const [key, item] of Object.entries(value)) {
      if (item === null && inner === "string") setOwn(result, key, "");
      else if (item !== null) {
        const at = { path: path ? `${path}.${key}` : key, name, owner };
        if (QUANTITY_MAPS.has(name) && tryParseQuantity(String(item)) === undefined)
          findings.badQuantity = true;
        setOwn(result, key, decode(inner, item, at, findings));
      }
    }
    return result;
  }
  switch (type) {
    case "any":
      return value;
    case "string":
      if (typeof value === "number" && QUANTITY_FIELDS.has(name)) return String(value);
      return typeof value === "string" ? value : wrong("string");
    case "bytes":
    case "time":
      return typeof value === "string" ? value : wrong(type === "time" ? "Time" : "[]uint8");
    case "boolean":
      return typeof value === "boolean" ? value : wrong("bool");
    case "int32":
    case "int64":
      return Number.isInteger(value) ? value : wrong(type);
    case "number":
      return typeof value === "number" ? value : wrong("number");
    case "IntOrString":
      return typeof value === "string" || Number.isInteger(value) ? value : wrong("IntOrString");
  }
  if (!isRecord(value)) return wrong(goName(type));
  const fields = fieldsOf(type);
  if (!fields) return value;
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    const field = fields.get(key);
    const inner = path ? `${path}.${key}` : key;
    if (!field) findings.unknown.push(inner);
    else if (item !== null)
      result[key] = decode(field.type, item, { path: inner, name: key, owner: type }, findings);
  }
  return result;
}

/** Collects required fields that are missing or empty text, outside `status`. */
export function findMissing(type: string, value: unknown, path: string, missing: string[]): void {
  if (type.startsWith("[]") && Array.isArray(value)) {
    for (const [index, item] of value.entries())
      findMissing(type.slice(2), item, `${path}[${index}]`, missing);
  } else if (type.startsWith("{}") && isRecord(value)) {
    for (const [key, item] of Object.entries(value))
      findMissing(type.slice(2), item, `${path}[${key}]`, missing);
  } else if (isRecord(value)) {
    for (const [key, field] of fieldsOf(type) ?? []) {
      if (path === "" && (key === "status" || key === "metadata")) continue;
      const inner = path ? `${path}.${key}` : key;
      const item = value[key];
      if (item === undefined) {
        if (field.required) missing.push(inner);
      } else if (item === "" && field.required && field.type === "string") missing.push(inner);
      else findMissing(field.type, item, inner, missing);
    }
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function typeWord(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "boolean") return "bool";
  return value === null ? "null" : typeof value;
}
