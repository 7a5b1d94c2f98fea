/** One line of `edges`: who talks to whom, and whether mesh TLS secures it. */
export interface EdgeRow {
  readonly src: string;
  readonly srcNamespace: string;
  readonly dst: string;
  readonly dstNamespace: string;
  /** Mesh identities of both ends; "" when not secured. */
  readonly clientId: string;
  readonly serverId: string;
  /** "" when secured, else why not, in words for people. */
  readonly noTlsReason: string;
}

/** Reasons as records carry them, in upstream's words. What is not here is shown as it is: never as secured. */
const REASONS: Readonly<Record<string, string>> = {
  "": "Unknown",
  disabled: "Disabled",
  loopback: "Loopback",
  no_authority_in_http_request: "No Authority In HTTP Request",
  not_http: "Not HTTP",
  not_provided_by_remote: "Not Provided By Remote",
  no_tls_from_remote: "Not Provided By Remote",
  not_provided_by_service_discovery: "Not Provided By Service Discovery",
  port_skipped: "Port Skipped",
  ingress_without_override: "Ingress Without Override",
  passthru: "Application's Own TLS",
};

/** The reason in words for people; "" for a connection that is secured. */
export function describeNoTls(tls: string): string {
  return tls === "true" ? "" : (REASONS[tls] ?? tls);
}
