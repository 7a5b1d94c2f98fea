import { isRecord } from "../schema/fields.ts";
import { setOwn } from "../set-own.ts";
import { type FieldSet, isEmpty, stepsOf } from "./field-set.ts";
import type { FieldShape } from "./field-shape.ts";

/** The live value with what was applied over it. Items of lists keep their places; new ones come last. */
export function mergeApplied(live: unknown, applied: unknown, shape: FieldShape): unknown {
  if (shape.kind === "map" && isRecord(applied)) {
    const result: Record<string, unknown> = isRecord(live) ? { ...live } : {};
    for (const [name, value] of Object.entries(applied)) {
      setOwn(result, name, mergeApplied(result[name], value, shape.field(name)));
    }
    return result;
  }
  const steps = stepsOf(applied, shape);
  if (!steps || !Array.isArray(live)) return applied;
  const incoming = new Map(steps.map((step) => [step.element, step]));
  const kept = stepsOf(live, shape)!.map(({ element, value }) => {
    const step = incoming.get(element);
    if (!step) return value;
    incoming.delete(element);
    return mergeApplied(value, step.value, step.shape);
  });
  return [...kept, ...[...incoming.values()].map((step) => step.value)];
}

/** The value without the fields of `gone`; undefined when it is one of them itself. */
export function withoutFields(value: unknown, gone: FieldSet, shape: FieldShape): unknown {
  if (isEmpty(gone) || gone["."]) return undefined;
  if (shape.kind === "map" && isRecord(value)) {
    const result: Record<string, unknown> = {};
    for (const step of stepsOf(value, shape)!) {
      const inner = gone[step.element];
      const kept = inner ? withoutFields(step.value, inner, step.shape) : step.value;
      if (kept !== undefined) setOwn(result, step.element.slice(2), kept);
    }
    // What held only what is gone is gone with it.
    return Object.keys(result).length === 0 && Object.keys(value).length > 0 ? undefined : result;
  }
  const steps = stepsOf(value, shape);
  if (!steps) return value;
  const rest = steps.flatMap((step) => {
    const inner = gone[step.element];
    const kept = inner ? withoutFields(step.value, inner, step.shape) : step.value;
    return kept === undefined ? [] : [kept];
  });
  return rest.length === 0 ? undefined : rest;
}
