import { deepEqual } from "../deep-equal.ts";
import { isRecord } from "../schema/fields.ts";
import { type FieldShape, KEY_DEFAULTS } from "./field-shape.ts";

/**
 * A set of fields, as `metadata.managedFields` keeps it (FieldsV1):
 *
 *   f:name          a field             k:{"name":"a"}   the item of a keyed list with this key
 *   v:"value"       a value of a set    .                the thing itself, beside what lies in it
 *
 * A node without children is a leaf and means the thing itself.
 */
export interface FieldSet {
  readonly [element: string]: FieldSet;
}

type Mutable = Record<string, FieldSet>;

/** One step down: the element's name in a FieldSet, the value there, and its shape. */
export interface Step {
  readonly element: string;
  readonly value: unknown;
  readonly shape: FieldShape;
}

/** What lies in a value, by its shape. Undefined: nothing does, the value is a leaf. */
export function stepsOf(value: unknown, shape: FieldShape): Step[] | undefined {
  if (shape.kind === "map" && isRecord(value)) {
    return Object.entries(value).map(([name, inner]) => ({
      element: `f:${name}`,
      value: inner,
      shape: shape.field(name),
    }));
  }
  if (shape.kind === "keyed" && Array.isArray(value)) {
    return value.map((item) => ({ element: keyOf(item, shape.keys), value: item, shape: shape.item }));
  }
  if (shape.kind === "set" && Array.isArray(value)) {
    return value.map((item) => ({
      element: `v:${JSON.stringify(item)}`,
      value: item,
      shape: { kind: "leaf" },
    }));
  }
  return undefined;
}

/** How an item of a keyed list is named. */
export function keyOf(item: unknown, keys: readonly string[]): string {
  const fields = isRecord(item) ? item : {};
  const named = [...keys].sort().flatMap((key) => {
    const value = fields[key] ?? KEY_DEFAULTS[key];
    return value === undefined ? [] : [[key, value] as const];
  });
  return `k:${JSON.stringify(Object.fromEntries(named))}`;
}

/** Every field that a value sets. */
export function fieldsIn(value: unknown, shape: FieldShape): FieldSet {
  const steps = stepsOf(value, shape);
  if (!steps) return {};
  const result: Mutable = {};
  for (const step of steps) {
    const inner = fieldsIn(step.value, step.shape);
    // An item of a list can be taken away as a whole: whoever sets it owns that too.
    result[step.element] = step.element.startsWith("k:") ? { ".": {}, ...inner } : inner;
  }
  return result;
}

/** The fields of `next` that `old` lacks or has otherwise. */
export function changedFields(old: unknown, next: unknown, shape: FieldShape): FieldSet {
  const steps = stepsOf(next, shape);
  if (!steps) return {};
  const before = new Map(stepsOf(old, shape)?.map((step) => [step.element, step]));
  const result: Mutable = {};
  for (const step of steps) {
    const previous = before.get(step.element);
    if (!previous) {
      const inner = fieldsIn(step.value, step.shape);
      result[step.element] = step.element.startsWith("k:") ? { ".": {}, ...inner } : inner;
    } else if (!deepEqual(previous.value, step.value)) {
      const inner = changedFields(previous.value, step.value, step.shape);
      if (!isEmpty(inner) || !stepsOf(step.value, step.shape)?.length) result[step.element] = inner;
    }
  }
  return result;
}

export function isEmpty(set: FieldSet): boolean {
  for (const _ in set) return false;
  return true;
}

export function union(left: FieldSet, right: FieldSet): FieldSet {
  const result: Mutable = { ...left };
  for (const [element, inner] of Object.entries(right)) {
    const other = result[element];
    if (!other) result[element] = inner;
    // A leaf beside a branch stands for the thing itself.
    else if (isEmpty(other) !== isEmpty(inner)) result[element] = union(asBranch(other), asBranch(inner));
    else result[element] = union(other, inner);
  }
  return result;
}

function asBranch(set: FieldSet): FieldSet {
  return isEmpty(set) ? { ".": {} } : set;
}

/** `left` without what `right` has. */
export function difference(left: FieldSet, right: FieldSet): FieldSet {
  const result: Mutable = {};
  for (const [element, inner] of Object.entries(left)) {
    const other = right[element];
    if (!other) result[element] = inner;
    else if (!isEmpty(inner) || !isEmpty(other)) {
      const rest = difference(asBranch(inner), asBranch(other));
      if (!isEmpty(rest)) result[element] = isOnlyItself(rest) ? {} : rest;
    }
  }
  return result;
}

/** What both have. */
export function intersection(left: FieldSet, right: FieldSet): FieldSet {
  const result: Mutable = {};
  for (const [element, inner] of Object.entries(left)) {
    const other = right[element];
    if (!other) continue;
    const leaf = isEmpty(inner) && isEmpty(other);
    const both = leaf ? {} : intersection(asBranch(inner), asBranch(other));
    if (leaf || !isEmpty(both)) result[element] = isOnlyItself(both) ? {} : both;
  }
  return result;
}

function isOnlyItself(set: FieldSet): boolean {
  const elements = Object.keys(set);
  return elements.length === 1 && elements[0] === ".";
}

/** Each field as Kubernetes writes it in messages: `.spec.containers[name="app"].image`. */
export function describeFields(set: FieldSet, path = ""): string[] {
  return Object.entries(set).flatMap(([element, inner]) => {
    if (element === ".") return [];
    const here = path + describeElement(element);
    const deeper = describeFields(inner, here);
    return deeper.length > 0 ? deeper : [here];
  });
}

function describeElement(element: string): string {
  const text = element.slice(2);
  if (element.startsWith("f:")) return `.${text}`;
  if (element.startsWith("v:")) return `[=${text}]`;
  const keys = Object.entries(JSON.parse(text) as Record<string, unknown>);
  return `[${keys.map(([key, value]) => `${key}=${JSON.stringify(value)}`).join(",")}]`;
}
