import type { IncomingMessage } from "node:http";
import type { TLSSocket } from "node:tls";
import type { UserInfo } from "../context.ts";
import { apiError } from "../status.ts";
import type { Tokens } from "./tokens.ts";

/**
 * Who sent a request: the subject of its client certificate (CN the user, O the groups), or of its bearer token.
 *
 * @returns undefined for a request without credentials
 * @throws MeshError 401 for credentials that are not good
 */
export function authenticate(request: IncomingMessage, tokens: Tokens): UserInfo | undefined {
  const authorization = request.headers.authorization;
  if (authorization !== undefined) {
    const match = /^Bearer\s+(\S+)$/i.exec(authorization);
    if (!match) throw unauthorized();
    const verdict = tokens.verify(match[1]!, []);
    if (!verdict.ok) throw unauthorized();
    return verdict.user;
  }
  const socket = request.socket as TLSSocket;
  if (!socket.authorized) return undefined;
  const certificate = socket.getPeerCertificate();
  const subject = certificate?.subject as
    | { readonly CN?: string | readonly string[]; readonly O?: string | readonly string[] }
    | undefined;
  const name = [subject?.CN ?? []].flat()[0];
  if (!name) return undefined;
  const digest = certificate.fingerprint256.replaceAll(":", "").toLowerCase();
  return {
    name,
    groups: [...[subject?.O ?? []].flat(), "system:authenticated"],
    extra: { "authentication.kubernetes.io/credential-id": [`X509SHA256=${digest}`] },
  };
}

export function unauthorized(): Error {
  return apiError(401, "Unauthorized", "Unauthorized");
}

const EXTRA_PREFIX = "impersonate-extra-";

/** The user that `Impersonate-*` headers name, or undefined. Whether the caller may is checked by the caller. */
export function impersonatedUser(request: IncomingMessage): UserInfo | undefined {
  const name = request.headers["impersonate-user"];
  const groups = request.headersDistinct["impersonate-group"] ?? [];
  if (typeof name !== "string" || name === "") {
    if (groups.length === 0) return undefined;
    throw apiError(
      400,
      "BadRequest",
      "requested groups to impersonate without a user: set Impersonate-User too",
    );
  }
  const extra: Record<string, string[]> = {};
  for (const [header, values] of Object.entries(request.headersDistinct)) {
    if (header.startsWith(EXTRA_PREFIX))
      extra[decodeURIComponent(header.slice(EXTRA_PREFIX.length))] = values ?? [];
  }
  const account = /^system:serviceaccount:([^:]+):[^:]+$/.exec(name);
  const implied = account ? ["system:serviceaccounts", `system:serviceaccounts:${account[1]}`] : [];
  const all = new Set([...groups, ...(groups.length === 0 ? implied : []), "system:authenticated"]);
  return { name, groups: [...all], ...(Object.keys(extra).length > 0 ? { extra } : {}) };
}
