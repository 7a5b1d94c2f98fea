/**
 * What metrics call the reasons for which the proxy ended an exchange, by the code of the error. `counted` is the word of
 * `*_errors_total`, `route` that of the `error` label of outbound routes.
 *
 * @see reference: proxy section 14
 */
interface Words {
  readonly counted: string;
  readonly route: string;
}

const FAILFAST: Words = { counted: "failfast", route: "FAIL_FAST" };
const LOAD_SHED: Words = { counted: "loadshed", route: "LOAD_SHED" };
const IO: Words = { counted: "i/o", route: "IO" };
const UNEXPECTED: Words = { counted: "unexpected", route: "UNKNOWN" };

const WORDS: Readonly<Record<string, Words>> = {
  BALANCER_FAILFAST: FAILFAST,
  BALANCER_SHED: LOAD_SHED,
  PROXY_OVERLOADED: LOAD_SHED,
  IDENTITY_REQUIRED: { counted: "identity required", route: "UNKNOWN" },
  REQUEST_TIMEOUT: { counted: "response timeout", route: "REQUEST_TIMEOUT" },
  RESPONSE_HEADERS_TIMEOUT: { counted: "response timeout", route: "RESPONSE_HEADERS_TIMEOUT" },
  RESPONSE_STREAM_TIMEOUT: { counted: "response timeout", route: "RESPONSE_STREAM_TIMEOUT" },
  IDLE_TIMEOUT: { counted: "response timeout", route: "IDLE_TIMEOUT" },
  PROFILE_TIMEOUT: { counted: "response timeout", route: "REQUEST_TIMEOUT" },
  CLIENT_GONE: { counted: "", route: "CANCEL" },
  UPSTREAM_RESET: { counted: "unexpected", route: "RESET" },
  H2_CANCEL: { counted: "unexpected", route: "CANCEL" },
  H2_REFUSED_STREAM: { counted: "unexpected", route: "REFUSED" },
  H2_ENHANCE_YOUR_CALM: { counted: "unexpected", route: "ENHANCE_YOUR_CALM" },
  TLS_DETECT_TIMEOUT: { counted: "tls detection timeout", route: "UNKNOWN" },
  GATEWAY_LOOP: { counted: "gateway loop", route: "UNKNOWN" },
  GATEWAY_DOMAIN_INVALID: { counted: "gateway domain invalid", route: "UNKNOWN" },
  PROXY_STOPPING: { counted: "", route: "UNKNOWN" },
  // These have families of their own.
  AUTHORIZATION_WITHDRAWN: { counted: "", route: "UNKNOWN" },
  REQUEST_UNAUTHORIZED: { counted: "", route: "UNKNOWN" },
  REQUEST_RATE_LIMITED: { counted: "", route: "UNKNOWN" },
  ROUTE_NOT_FOUND: { counted: "", route: "UNKNOWN" },
};

/** Word of `*_errors_total`; "" when the exchange does not belong there. */
export function countedError(code: string, error: string): string {
  if (error === "") return "";
  // A system error is a record's whole reason when a connection that is only copied breaks.
  if (code === "") return /^E[A-Z0-9]+$/.test(error) ? "i/o" : "unexpected";
  return wordsOf(code).counted;
}

/** Word of the `error` label of outbound routes; "" when nothing went wrong. */
export function routeError(code: string): string {
  return code === "" ? "" : wordsOf(code).route;
}

function wordsOf(code: string): Words {
  const words = WORDS[code];
  if (words) return words;
  if (/^(?:DIAL|TLS|UPSTREAM)_/.test(code)) return IO;
  if (code.startsWith("H2_")) return { counted: "unexpected", route: "RESET" };
  // Malformed requests never reach the layers that count.
  return code.startsWith("HTTP_") ? { counted: "", route: "UNKNOWN" } : UNEXPECTED;
}
