import type { JsonPatchOperation } from "../base/kube-object.ts";

/**
 * Applies the operations that injection produces (RFC 6902: add, replace, remove) to a copy.
 *
 * @throws Error when a path does not exist: a patch is made for the object that it is applied to
 */
export function applyJsonPatch<T>(object: T, patch: readonly JsonPatchOperation[]): T {
  const root = { value: structuredClone(object) as unknown };
  for (const operation of patch) {
    const segments = ["value", ...operation.path.split("/").slice(1).map(unescapePointer)];
    const last = segments.pop()!;
    let target: unknown = root;
    for (const segment of segments) {
      target = (target as Record<string, unknown>)[segment];
      if (typeof target !== "object" || target === null)
        throw new Error(`JSON patch: no parent at ${operation.path}`);
    }
    apply(target as Record<string, unknown>, last, operation);
  }
  return root.value as T;
}

function apply(
  target: Record<string, unknown> | unknown[],
  key: string,
  operation: JsonPatchOperation,
): void {
  if (Array.isArray(target)) {
    const index = key === "-" ? target.length : Number(key);
    if (!Number.isInteger(index) || index < 0 || index > target.length) {
      throw new Error(`JSON patch: no index at ${operation.path}`);
    }
    if (operation.op === "add") target.splice(index, 0, structuredClone(operation.value));
    else if (operation.op === "replace") target[index] = structuredClone(operation.value);
    else target.splice(index, 1);
    return;
  }
  if (operation.op === "remove") delete target[key];
  else target[key] = structuredClone(operation.value);
}

function unescapePointer(segment: string): string {
  return segment.replaceAll("~1", "/").replaceAll("~0", "~");
}
