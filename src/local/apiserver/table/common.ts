import { age } from "./age.ts";
import type { Column } from "./column.ts";

export const NAME: Column = { name: "Name", cell: (object) => object.metadata.name ?? "" };
export const AGE: Column = {
  name: "Age",
  cell: (object, nowMs) => age(object.metadata.creationTimestamp, nowMs),
};

/** A column that only `-o wide` shows. */
export function wide(column: Column): Column {
  return { ...column, priority: 1 };
}

/** `a=b,c=d`, sorted; `<none>` when empty. */
export function labelText(labels: Readonly<Record<string, string>> | undefined): string {
  const pairs = Object.entries(labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return pairs.length === 0 ? "<none>" : pairs.map(([key, value]) => `${key}=${value}`).join(",");
}

/** A LabelSelector as kubectl prints it. */
export function selectorText(
  selector: {
    matchLabels?: Readonly<Record<string, string>>;
    matchExpressions?: readonly { key: string; operator: string; values?: readonly string[] }[];
  } = {},
): string {
  const parts = Object.entries(selector.matchLabels ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`);
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    if (operator === "Exists") parts.push(key);
    else if (operator === "DoesNotExist") parts.push(`!${key}`);
    else parts.push(`${key} ${operator.toLowerCase()} (${values.join(",")})`);
  }
  return parts.length === 0 ? "<none>" : parts.join(",");
}
