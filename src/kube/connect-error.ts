import { X509Certificate } from "node:crypto";
import { MeshError, systemErrorCode } from "../base/error.ts";
import { canICommand, canIOf, describeRequest } from "./request-words.ts";
import type { KubeStatusError } from "./status-error.ts";

/** What the messages need to know about the connection. */
export interface ConnectionFacts {
  readonly server: string;
  /** "" in-cluster. */
  readonly context: string;
  /** Whom the requests impersonate (`--as`), for commands to paste. */
  readonly as?: string | undefined;
  /** PEM of the client certificate, if there is one. */
  readonly clientCert: string | undefined;
  readonly nowMs: number;
}

const WRONG_CA = new Set([
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "CERT_SIGNATURE_FAILURE",
  "CERT_UNTRUSTED",
]);

/** An error of the socket or of TLS, before any answer, as a MeshError that says what to mend. */
export function toConnectError(caught: unknown, facts: ConnectionFacts): MeshError {
  if (caught instanceof MeshError) return caught;
  const code = systemErrorCode(caught) ?? "";
  const where = facts.context === "" ? facts.server : `${facts.server} (context ${facts.context})`;
  const expired = clientCertificateExpiry(facts);
  if (expired !== undefined && (/CERT|ALERT|ECONNRESET|EPROTO/.test(code) || code === "EPIPE")) {
    return clientCertificateExpired(where, expired, caught);
  }
  if (WRONG_CA.has(code)) {
    return new MeshError({
      kind: "environment",
      code: "KUBE_WRONG_CA",
      message: `the certificate of the API server ${where} is not signed by the kubeconfig's certificate authority (${code})`,
      hint: "the cluster was probably created anew under the same address: fetch its kubeconfig again",
      anchor: "k8s-api-certificate",
      cause: caught,
    });
  }
  if (code === "CERT_NOT_YET_VALID" || code === "CERT_HAS_EXPIRED") {
    const now = new Date(facts.nowMs).toISOString();
    return new MeshError({
      kind: "environment",
      code: "KUBE_SERVER_CERT_TIME",
      message: `the certificate of the API server ${where} is ${code === "CERT_HAS_EXPIRED" ? "expired" : "not yet valid"} at this machine's time ${now}`,
      hint: "compare `date -u` here with the server's; if the clock is right, renew the server's certificate",
      anchor: "k8s-clock-skew",
      cause: caught,
    });
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") {
    return new MeshError({
      kind: "environment",
      code: "KUBE_SERVER_NAME",
      message: `the certificate of the API server ${where} is for another name: ${errorText(caught)}`,
      hint: "use a server address that the certificate names, or set tls-server-name in the kubeconfig",
      anchor: "k8s-api-certificate",
      cause: caught,
    });
  }
  // Before anything is sent: OpenSSL cannot make sense of the PEM of the kubeconfig.
  if (code.startsWith("ERR_OSSL")) {
    return new MeshError({
      kind: "user",
      code: "KUBE_CLIENT_KEY",
      message: `the certificate or key that the kubeconfig has for ${where} cannot be read: ${errorText(caught)}`,
      hint: "fetch the kubeconfig again; client-certificate-data and client-key-data are base64 of PEM",
      anchor: "k8s-credentials",
      cause: caught,
    });
  }
  return new MeshError({
    kind: "environment",
    code: "KUBE_UNREACHABLE",
    message: `the API server ${where} cannot be reached: ${errorText(caught)}`,
    hint:
      facts.context === ""
        ? "check that KUBERNETES_SERVICE_HOST and _PORT name the API server and that the network allows it"
        : "is the cluster running? `kubectl config get-contexts` lists the others; --context chooses one",
    anchor: "k8s-api",
    cause: caught,
  });
}

const STATUS_ANCHORS: Readonly<Record<number, { readonly anchor: string }>> = {
  401: { anchor: "k8s-credentials" },
  403: { anchor: "k8s-forbidden" },
};

const STATUS_CODES: Readonly<Record<number, string>> = {
  401: "KUBE_UNAUTHORIZED",
  403: "KUBE_FORBIDDEN",
  404: "KUBE_NOT_FOUND",
  409: "KUBE_CONFLICT",
  422: "KUBE_INVALID",
};

/** A non-2xx answer as a MeshError; the status error is its cause. */
export function toStatusError(
  error: KubeStatusError,
  method: string,
  path: string,
  facts: ConnectionFacts,
): MeshError {
  const words = describeRequest(method, path);
  const where = facts.context === "" ? facts.server : `${facts.server} (context ${facts.context})`;
  const expired = error.status === 401 ? clientCertificateExpiry(facts) : undefined;
  if (expired !== undefined) return clientCertificateExpired(where, expired, error);
  const code =
    error.reason === "AlreadyExists" ? "KUBE_ALREADY_EXISTS" : (STATUS_CODES[error.status] ?? "KUBE_STATUS");
  return new MeshError({
    kind: "environment",
    code,
    message: `${words.verb} ${words.object}: ${error.message}`,
    hint: statusHint(error, words.canI, where, facts.as),
    anchor: STATUS_ANCHORS[error.status]?.anchor,
    cause: error,
  });
}

function statusHint(
  error: KubeStatusError,
  asked: string,
  where: string,
  as: string | undefined,
): string | undefined {
  const { status } = error;
  if (status === 401) return `log in to ${where} again: its credentials are missing, wrong or expired`;
  if (status === 403) {
    const refused = readRefusal(error.message);
    // The same right, but for the name, which only the request knows: then its own words are the exact ones.
    let right = refused === undefined || asked.replace(/\/\S+/, "") === refused ? asked : refused;
    // From 1.35 on a WebSocket to a pod takes `create` as well, and an API server that misses it names no verb at all.
    if (refused === undefined && asked.includes("--subresource=portforward"))
      right = asked.replace(/^get /, "create ");
    // Whoever may not impersonate is asked as the one who is logged in.
    const whom = refused?.startsWith("impersonate ") ? undefined : as;
    return `ask for the permission; this shows whether you have it: ${canICommand(right, whom)}`;
  }
  if (status === 429 || status === 503) return `the API server ${where} is overloaded or starting; try again`;
  return undefined;
}

/**
 * Arguments of `kubectl auth can-i` for what the server's authorizer says it refused, which may be another right than that of the
 * request: of impersonating, or of creating what is opened with a GET.
 */
function readRefusal(message: string): string | undefined {
  const match =
    / cannot (\S+) resource "([^"/]+)(?:\/([^"]+))?" in API group "([^"]*)"(?: in the namespace "([^"]+)")?/.exec(
      message,
    );
  if (!match) return undefined;
  const [, verb, resource, subresource, group, namespace] = match;
  return canIOf({ verb: verb!, group: group!, resource: resource!, subresource, namespace });
}

/** When the client certificate ran out, if it did. */
function clientCertificateExpiry(facts: ConnectionFacts): Date | undefined {
  if (facts.clientCert === undefined) return undefined;
  try {
    const { validToDate } = new X509Certificate(facts.clientCert);
    return validToDate.getTime() < facts.nowMs ? validToDate : undefined;
  } catch {
    // What is no certificate cannot have expired; TLS has already said what is wrong with it.
    return undefined;
  }
}

function clientCertificateExpired(where: string, expiry: Date, cause: unknown): MeshError {
  return new MeshError({
    kind: "environment",
    code: "KUBE_CLIENT_CERT_EXPIRED",
    message: `the client certificate for the API server ${where} expired at ${expiry.toISOString()}`,
    hint: "fetch the cluster's kubeconfig again (`meshctl dev` writes a new one when it starts)",
    anchor: "k8s-credentials",
    cause,
  });
}

function errorText(caught: unknown): string {
  // Node joins the attempts on several addresses into an AggregateError without a message.
  if (caught instanceof AggregateError && caught.errors.length > 0) return errorText(caught.errors[0]);
  return caught instanceof Error && caught.message !== ""
    ? caught.message
    : String(systemErrorCode(caught) ?? caught);
}
