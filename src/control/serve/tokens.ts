/** Who asks for discovery: decides node-local filtering and zone locality. All empty when the token says nothing. */
export interface ClientContext {
  readonly namespace: string;
  readonly nodeName: string;
  readonly pod: string;
}

/** Reads a context token: JSON `{ns, nodeName, pod}`, or the older `ns:<namespace>`. Junk is no context (reference proxy-api 11). */
export function parseContextToken(token: string): ClientContext {
  const legacy = /^ns:([a-z0-9-]+)$/.exec(token.trim());
  if (legacy) return { namespace: legacy[1]!, nodeName: "", pod: "" };
  const { ns, nodeName, pod } = parseObject(token) ?? {};
  return { namespace: text(ns), nodeName: text(nodeName), pod: text(pod) };
}

/** Reads a workload token: JSON `{ns, pod}` or `{ns, external_workload}`, or the older `<ns>:<pod>`; undefined when it is neither. */
export function tryParseWorkloadToken(token: string):
  | {
      readonly namespace: string;
      readonly pod: string | undefined;
      readonly externalWorkload: string | undefined;
    }
  | undefined {
  const legacy = /^([a-z0-9-]+):([a-z0-9.-]+)$/.exec(token.trim());
  if (legacy) return { namespace: legacy[1]!, pod: legacy[2]!, externalWorkload: undefined };
  const parsed = parseObject(token);
  if (!parsed || text(parsed.ns) === "") return undefined;
  const pod = text(parsed.pod) || undefined;
  const externalWorkload = text(parsed.external_workload) || undefined;
  if ((pod === undefined) === (externalWorkload === undefined)) return undefined;
  return { namespace: text(parsed.ns), pod, externalWorkload };
}

function parseObject(token: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(token);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    // The callers say what a token that cannot be read means.
    return undefined;
  }
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
