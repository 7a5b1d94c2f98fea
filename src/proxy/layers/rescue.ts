import { type MeshError, toMeshError } from "../../base/error.ts";
import { ResponseHead } from "../../wire/http1-head.ts";
import type { ServerExchange } from "../http/server-exchange.ts";

/** What a cause becomes. */
interface Answer {
  readonly status: number;
  /** Whether the client's connection ends with it. */
  readonly close: boolean;
  /** Short phrase for the record; the error's own message where undefined. */
  readonly reason?: string;
}

/**
 * Causes and their answers, by the code of the error.
 *
 * @see reference: proxy section 13. Malformed requests are 400 (too large 431, unknown coding 501, version 505: RFC 9110).
 */
const ANSWERS: Readonly<Record<string, Answer>> = {
  BALANCER_FAILFAST: { status: 504, close: true, reason: "failfast" },
  BALANCER_SHED: { status: 503, close: true, reason: "load shed" },
  PROXY_OVERLOADED: { status: 503, close: true, reason: "load shed" },
  DISCOVERY_TIMEOUT: { status: 504, close: true, reason: "discovery timeout" },
  OUTBOUND_INVALID_TARGET: { status: 502, close: true, reason: "invalid target" },
  REQUEST_TIMEOUT: { status: 504, close: false, reason: "request timeout" },
  DIAL_TIMEOUT: { status: 504, close: true, reason: "connect timeout" },
  TLS_TIMEOUT: { status: 504, close: true, reason: "connect timeout" },
  DIAL_FAILED: { status: 502, close: true },
  DIAL_ABORTED: { status: 502, close: true },
  DIAL_LOOP: { status: 502, close: true, reason: "loop" },
  TLS_FAILED: { status: 502, close: true },
  TLS_IDENTITY_MISMATCH: { status: 502, close: true, reason: "identity mismatch" },
  TLS_NO_CERTIFICATE: { status: 502, close: true, reason: "no certificate" },
  UPSTREAM_CLOSED: { status: 502, close: true },
  UPSTREAM_MALFORMED: { status: 502, close: true },
  ROUTE_NOT_FOUND: { status: 404, close: false, reason: "no route" },
  BACKEND_MISSING: { status: 502, close: true, reason: "no backend" },
  IDENTITY_REQUIRED: { status: 502, close: true, reason: "identity required" },
  REQUEST_UNAUTHORIZED: { status: 403, close: false, reason: "unauthorized" },
  REQUEST_RATE_LIMITED: { status: 429, close: false, reason: "rate limited" },
  TARGET_MISSING: { status: 400, close: true, reason: "no target" },
  HTTP_HEAD_TOO_LARGE: { status: 431, close: true, reason: "head too large" },
  HTTP_UNKNOWN_CODING: { status: 501, close: true, reason: "unknown transfer coding" },
  HTTP_BAD_VERSION: { status: 505, close: true, reason: "bad version" },
  HTTP_BAD_START_LINE: { status: 400, close: true, reason: "malformed request" },
  HTTP_BAD_TARGET: { status: 400, close: true, reason: "malformed request" },
  HTTP_BAD_FIELD: { status: 400, close: true, reason: "malformed request" },
  HTTP_BAD_LINE_END: { status: 400, close: true, reason: "malformed request" },
  HTTP_BAD_FRAMING: { status: 400, close: true, reason: "malformed request" },
  HTTP_BAD_CHUNK: { status: 400, close: true, reason: "malformed request" },
  HTTP_TRUNCATED: { status: 400, close: true, reason: "request cut short" },
};

const UNEXPECTED: Answer = { status: 500, close: true, reason: "unexpected error" };

/** Every code that has an answer of its own. */
export const RESCUED_CODES: readonly string[] = Object.keys(ANSWERS);

export interface RescueOptions {
  /** Whether this client may see why: `l5d-proxy-error` tells about the inside of the mesh. */
  readonly isInformational: (exchange: ServerExchange) => boolean;
  /** An error that nobody expected: to the log. */
  readonly onUnexpected: (error: MeshError) => void;
}

/** Makes the one place where a cause becomes a response. */
export function createRescue(options: RescueOptions): (exchange: ServerExchange, cause: unknown) => void {
  return (exchange, cause) => {
    const error = toMeshError(cause);
    const answer = ANSWERS[error.code] ?? UNEXPECTED;
    if (answer === UNEXPECTED) options.onUnexpected(error);
    exchange.live.error = answer.reason ?? error.message;
    if (error.code.endsWith("_TIMEOUT") || error.code === "BALANCER_FAILFAST") exchange.live.timedOut = true;
    if (answer.close) exchange.mustClose = true;
    const head = emptyResponse(answer.status);
    if (options.isInformational(exchange)) {
      head.fields.append("l5d-proxy-error", headerText(error.message));
      if (answer.close) head.fields.append("l5d-proxy-connection", "close");
    }
    // Edits belong to the routes' filters, which apply to what a backend answers.
    exchange.responseEdits.length = 0;
    answerLocally(exchange, head);
  };
}

/** Sends a response without body. */
export function answerLocally(exchange: ServerExchange, head: ResponseHead): void {
  exchange.sendHead(head);
  exchange.sendEnd(undefined);
}

export function emptyResponse(status: number): ResponseHead {
  const head = new ResponseHead();
  head.status = status;
  head.reason = REASONS[status] ?? "";
  if (status >= 200 && status !== 204 && status !== 304) head.fields.append("content-length", "0");
  return head;
}

const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  301: "Moved Permanently",
  302: "Found",
  303: "See Other",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
};

/** Messages may quote a peer; nothing of it may end the line. */
function headerText(message: string): string {
  return message.replace(/[^\x20-\x7e]/g, "?").slice(0, 512);
}
