import { deepEqual } from "../deep-equal.ts";
import { badRequest, unprocessable } from "../status.ts";

interface Operation {
  readonly op?: unknown;
  readonly path?: unknown;
  readonly from?: unknown;
  readonly value?: unknown;
}

/**
 * RFC 6902 on a copy of `document`.
 *
 * @throws MeshError 400 when the patch is malformed, 422 when it does not apply (a path that is not there, a failed test)
 */
export function applyJsonPatch(document: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw badRequest("json patch: the patch is not an array of operations");
  let root = structuredClone(document);
  for (const operation of patch as Operation[]) root = applyOne(root, operation ?? {});
  return root;
}

function applyOne(root: unknown, operation: Operation): unknown {
  const { op, path, from, value } = operation;
  if (typeof path !== "string") throw badRequest(`json patch: operation "${String(op)}" has no path`);
  switch (op) {
    case "add":
      return add(root, path, structuredClone(value));
    case "remove":
      return remove(root, path).root;
    case "replace": {
      if (path === "") return structuredClone(value);
      const { parent, key } = parentOf(root, path);
      // As in Kubernetes, a field that is not there yet may be replaced all the same.
      if (Array.isArray(parent)) parent[indexOf(parent, key, false)] = structuredClone(value);
      else parent[key] = structuredClone(value);
      return root;
    }
    case "test":
      if (!deepEqual(read(root, path), value)) {
        throw unprocessable();
      }
      return root;
    case "copy":
    case "move": {
      if (typeof from !== "string") throw badRequest(`json patch: operation "${op}" has no from`);
      if (op === "copy") return add(root, path, structuredClone(read(root, from)));
      const taken = remove(root, from);
      return add(taken.root, path, taken.value);
    }
    default:
      throw badRequest(`json patch: unexpected kind of operation: ${String(op)}`);
  }
}

type Container = unknown[] | Record<string, unknown>;

function add(root: unknown, path: string, value: unknown): unknown {
  if (path === "") return value;
  const { parent, key } = parentOf(root, path);
  if (!Array.isArray(parent)) parent[key] = value;
  else if (key === "-") parent.push(value);
  else parent.splice(indexOf(parent, key, true), 0, value);
  return root;
}

function remove(root: unknown, path: string): { root: unknown; value: unknown } {
  const value = read(root, path);
  const { parent, key } = parentOf(root, path);
  if (Array.isArray(parent)) parent.splice(indexOf(parent, key, false), 1);
  else delete parent[key];
  return { root, value };
}

function read(root: unknown, path: string): unknown {
  if (path === "") return root;
  const { parent, key } = parentOf(root, path);
  if (Array.isArray(parent)) return parent[indexOf(parent, key, false)];
  if (!Object.hasOwn(parent, key)) throw unprocessable();
  return parent[key];
}

function parentOf(root: unknown, path: string): { parent: Container; key: string } {
  const keys = segments(path);
  const key = keys.pop()!;
  let at: unknown = root;
  for (const step of keys) {
    if (Array.isArray(at)) at = at[indexOf(at, step, false)];
    else if (typeof at === "object" && at !== null && Object.hasOwn(at, step)) {
      at = (at as Record<string, unknown>)[step];
    } else throw unprocessable();
  }
  if (typeof at !== "object" || at === null || key === "__proto__") throw unprocessable();
  return { parent: at as Container, key };
}

function segments(path: string): string[] {
  if (!path.startsWith("/")) throw badRequest(`json patch: the path "${path}" does not start with "/"`);
  return path
    .slice(1)
    .split("/")
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function indexOf(array: readonly unknown[], key: string, atEnd: boolean): number {
  const index = /^(0|[1-9]\d*)$/.test(key) ? Number(key) : -1;
  if (index < 0 || index >= array.length + (atEnd ? 1 : 0)) throw unprocessable();
  return index;
}
