/** What the API server wrote down about the control plane's requests. */
import { readFile } from "node:fs/promises";

/** Set by who started the API server, if its log can be read here. It needs the level Metadata for the control plane's accounts. */
export const AUDIT_LOG = process.env.CLUSTER_TEST_AUDIT_LOG;

/** Reason to skip, or false. */
export const NO_AUDIT_LOG: string | false =
  AUDIT_LOG === undefined || AUDIT_LOG === ""
    ? "the API server's audit log is not at hand: --up starts one, CLUSTER_TEST_AUDIT_LOG names another"
    : false;

export interface Audit {
  /** User -> `verb group/resource`, each once. */
  readonly used: ReadonlyMap<string, ReadonlySet<string>>;
  /** Requests that were answered with 403. */
  readonly forbidden: readonly string[];
}

/** As audit.k8s.io/v1 has it, as far as it matters here. */
interface AuditEvent {
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string };
  /** Missing for what is not about a resource (`/version`, discovery). */
  readonly objectRef?: {
    readonly resource?: string;
    readonly apiGroup?: string;
    readonly subresource?: string;
  };
  readonly responseStatus?: { readonly code?: number };
}

export async function readAudit(): Promise<Audit> {
  const used = new Map<string, Set<string>>();
  const forbidden: string[] = [];
  // The last line may be on its way.
  const lines = (await readFile(AUDIT_LOG!, "utf8")).split("\n").slice(0, -1);
  for (const line of lines) {
    const { verb, requestURI, user, objectRef, responseStatus } = JSON.parse(line) as AuditEvent;
    const { username } = user;
    if (responseStatus?.code === 403) forbidden.push(`${username}: ${verb} ${requestURI}`);
    if (objectRef?.resource === undefined) continue;
    const { apiGroup = "", resource, subresource } = objectRef;
    const right = `${verb} ${apiGroup}/${resource}${subresource === undefined ? "" : `/${subresource}`}`;
    used.set(username, (used.get(username) ?? new Set()).add(right));
  }
  return { used, forbidden };
}
