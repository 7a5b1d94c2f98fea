import { isRecord } from "../schema/fields.ts";
import type { StatusCause } from "../status.ts";
import type { Schema } from "./compiled-crd.ts";

/**
 * Checks a value against a structural schema and collects what is wrong, in Kubernetes' words. CEL rules
 * (`x-kubernetes-validations`) and formats are not evaluated.
 */
export function validateSchema(schema: Schema, value: unknown, path: string, causes: StatusCause[]): void {
  const add = (reason: string, message: string, field = path) => causes.push({ field, reason, message });
  const text = JSON.stringify(value);
  if (value === null) {
    if (!schema.nullable && schema.type) {
      add(
        "FieldValueTypeInvalid",
        `Invalid value: "null": ${path} in body must be of type ${schema.type}: "null"`,
      );
    }
    return;
  }
  const intOrString = schema["x-kubernetes-int-or-string"] === true;
  if (intOrString ? !(Number.isInteger(value) || typeof value === "string") : !hasType(schema.type, value)) {
    const want = intOrString ? "integer,string" : schema.type;
    add(
      "FieldValueTypeInvalid",
      `Invalid value: ${JSON.stringify(typeWord(value))}: ${path} in body must be of type ${want}: ${JSON.stringify(typeWord(value))}`,
    );
    return;
  }
  if (schema.enum && !schema.enum.some((allowed) => JSON.stringify(allowed) === text)) {
    const values = schema.enum.map((allowed) => JSON.stringify(allowed)).join(", ");
    add("FieldValueNotSupported", `Unsupported value: ${text}: supported values: ${values}`);
  }
  const bad = (why: string) => add("FieldValueInvalid", `Invalid value: ${text}: ${path} in body ${why}`);
  if (typeof value === "string") checkString(schema, value, bad);
  if (typeof value === "number") {
    if (schema.minimum !== undefined && value < schema.minimum) {
      bad(`should be greater than or equal to ${schema.minimum}`);
    }
    if (schema.maximum !== undefined && value > schema.maximum) {
      bad(`should be less than or equal to ${schema.maximum}`);
    }
  }
  checkAlternatives(schema, value, path, bad);
  if (Array.isArray(value)) {
    if (schema.minItems !== undefined && value.length < schema.minItems) {
      bad(`should have at least ${schema.minItems} items`);
    }
    if (schema.maxItems !== undefined && value.length > schema.maxItems) {
      add("FieldValueTooMany", `Too many: ${value.length}: must have at most ${schema.maxItems} items`);
    }
    const items = schema.items;
    if (items) {
      for (const [index, item] of value.entries()) validateSchema(items, item, `${path}[${index}]`, causes);
    }
  } else if (isRecord(value)) {
    for (const key of schema.required ?? []) {
      if (value[key] === undefined)
        add("FieldValueRequired", "Required value", path ? `${path}.${key}` : key);
    }
    for (const [key, item] of Object.entries(value)) {
      const inner = schema.properties?.[key] ?? schema.additionalProperties;
      if (isRecord(inner)) validateSchema(inner as Schema, item, path ? `${path}.${key}` : key, causes);
    }
  }
}

function checkString(schema: Schema, value: string, bad: (why: string) => void): void {
  if (schema.minLength !== undefined && value.length < schema.minLength) {
    bad(`should be at least ${schema.minLength} chars long`);
  }
  if (schema.maxLength !== undefined && value.length > schema.maxLength) {
    bad(`should be at most ${schema.maxLength} chars long`);
  }
  if (schema.pattern !== undefined && !matches(schema.pattern, value))
    bad(`should match '${schema.pattern}'`);
}

function checkAlternatives(schema: Schema, value: unknown, path: string, bad: (why: string) => void): void {
  const holds = (each: Schema) => {
    const inner: StatusCause[] = [];
    validateSchema(each, value, path, inner);
    return inner.length === 0;
  };
  // An int-or-string schema says the same again as anyOf.
  if (schema["x-kubernetes-int-or-string"]) return;
  if (schema.anyOf && !schema.anyOf.some(holds)) bad("must validate at least one schema (anyOf)");
  if (schema.oneOf && schema.oneOf.filter(holds).length !== 1)
    bad("must validate one and only one schema (oneOf)");
  if (schema.not && holds(schema.not)) bad("must not validate the schema (not)");
}

/** A pattern that JavaScript cannot read (RE2 only syntax) is not enforced. */
function matches(pattern: string, value: string): boolean {
  try {
    return new RegExp(pattern, "u").test(value);
  } catch {
    return true;
  }
}

function hasType(type: string | undefined, value: unknown): boolean {
  switch (type) {
    case undefined:
    case "":
      return true;
    case "object":
      return isRecord(value);
    case "array":
      return Array.isArray(value);
    case "integer":
      return Number.isInteger(value);
    case "number":
      return typeof value === "number";
    default:
      return typeof value === type;
  }
}

function typeWord(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return Number.isInteger(value) ? "integer" : typeof value;
}
