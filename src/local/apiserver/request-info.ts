import type { Attributes } from "./auth/rbac.ts";

/** What a URL asks for. */
export interface ResourcePath {
  readonly group: string;
  readonly version: string;
  readonly namespace: string;
  readonly plural: string;
  readonly name: string;
  readonly subresource: string;
  /** What follows the subresource, as sent: the path of pods/proxy. */
  readonly rest: string;
}

/** Names below `/namespaces/<name>/` that are no resources but parts of the namespace itself. */
const NAMESPACE_PARTS = new Set(["status", "finalize"]);

/**
 * Reads `/api/v1/...` and `/apis/<group>/<version>/...`.
 *
 * @param pathname raw, percent-encoded
 * @returns undefined for a path that names no resource (discovery, health)
 */
export function parseResourcePath(pathname: string): ResourcePath | undefined {
  const raw = pathname.slice(1).split("/");
  const core = raw[0] === "api";
  if (!core && raw[0] !== "apis") return undefined;
  const prefix = core ? 2 : 3;
  const parts = raw.slice(prefix);
  const group = core ? "" : (raw[1] ?? "");
  const version = raw[prefix - 1] ?? "";
  let namespace = "";
  if (parts[0] === "namespaces" && parts.length > 2 && parts[2] !== "" && !NAMESPACE_PARTS.has(parts[2]!)) {
    namespace = decode(parts[1]!);
    parts.splice(0, 2);
  }
  const [plural = "", name = "", subresource = ""] = parts;
  if (plural === "") return undefined;
  const rest = parts.length > 3 ? `/${parts.slice(3).join("/")}` : "";
  return { group, version, namespace, plural: decode(plural), name: decode(name), subresource, rest };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Kubernetes' verb for a method. */
export function verbOf(method: string, path: ResourcePath, query: URLSearchParams): string {
  switch (method) {
    case "POST":
      return "create";
    case "PUT":
      return "update";
    case "PATCH":
      return "patch";
    case "DELETE":
      return path.name ? "delete" : "deletecollection";
    default:
      if (isTrue(query.get("watch"))) return "watch";
      return path.name ? "get" : "list";
  }
}

export function attributesOf(path: ResourcePath, verb: string): Attributes {
  const { group, plural, subresource, name } = path;
  // A namespace is asked for inside itself, so that a role there can allow it.
  const namespace = path.namespace || (group === "" && plural === "namespaces" ? name : "");
  return { verb, group, resource: plural, subresource, namespace, name };
}

export function isTrue(text: string | null): boolean {
  return text === "true" || text === "1";
}
