import { MeshError } from "../base/error.ts";

type Step =
  | { readonly kind: "field"; readonly name: string }
  | { readonly kind: "index"; readonly index: number }
  | { readonly kind: "all" };

/**
 * The first match of a JSONPath in a value, as text: strings bare, the rest as JSON; undefined when there is none.
 *
 * Understood are `.field`, `['field']`, `[0]`, `[*]` and `.*`; braces and the leading dot may be left out.
 *
 * @throws MeshError `JSONPATH_INVALID`
 */
export function evaluateJsonPath(path: string, value: unknown): string | undefined {
  const found = firstMatch(value, parseJsonPath(path), 0);
  if (found === undefined) return undefined;
  return typeof found === "string" ? found : JSON.stringify(found);
}

/** @throws MeshError `JSONPATH_INVALID` */
export function parseJsonPath(path: string): readonly Step[] {
  let rest = path.trim();
  if (rest.startsWith("{") && rest.endsWith("}")) rest = rest.slice(1, -1).trim();
  if (rest.startsWith("$")) rest = rest.slice(1);
  if (rest !== "" && !rest.startsWith(".") && !rest.startsWith("[")) rest = `.${rest}`;
  const steps: Step[] = [];
  const shape = /^(?:\.(\*)|\.([A-Za-z_][\w-]*)|\[(\d+)\]|\[(\*)\]|\['([^']*)'\]|\["([^"]*)"\])/;
  while (rest !== "" && rest !== ".") {
    const match = shape.exec(rest);
    if (!match) {
      throw new MeshError({
        kind: "usage",
        code: "JSONPATH_INVALID",
        message: `the JSONPath "${path}" is not understood at "${rest}"`,
        hint: "write fields and indexes, like jsonpath={.requestInitEvent.path}",
      });
    }
    const field = match[2] ?? match[5] ?? match[6];
    if (field !== undefined) steps.push({ kind: "field", name: field });
    else if (match[3] !== undefined) steps.push({ kind: "index", index: Number(match[3]) });
    else steps.push({ kind: "all" });
    rest = rest.slice(match[0].length);
  }
  return steps;
}

function firstMatch(value: unknown, steps: readonly Step[], at: number): unknown {
  const step = steps[at];
  if (step === undefined) return value;
  if (value === null || typeof value !== "object") return undefined;
  if (step.kind === "field") {
    return Object.hasOwn(value, step.name)
      ? firstMatch((value as Record<string, unknown>)[step.name], steps, at + 1)
      : undefined;
  }
  const entries = Array.isArray(value) ? value : Object.values(value);
  if (step.kind === "index")
    return Array.isArray(value) ? firstMatch(value[step.index], steps, at + 1) : undefined;
  for (const entry of entries) {
    const found = firstMatch(entry, steps, at + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}
