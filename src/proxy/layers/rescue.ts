import { type MeshError, toMeshError } from "../../base/error.ts";
import { reasonPhrase } from "../../wire/http-reasons.ts";
import { Fields } from "../../wire/http1-fields.ts";
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
  RESPONSE_STREAM_TIMEOUT: { status: 504, close: false, reason: "response timeout" },
  IDLE_TIMEOUT: { status: 504, close: false, reason: "idle timeout" },
  PROFILE_TIMEOUT: { status: 504, close: true, reason: "request timeout" },
  DIAL_TIMEOUT: { status: 504, close: true, reason: "connect timeout" },
  TLS_TIMEOUT: { status: 504, close: true, reason: "connect timeout" },
  DIAL_FAILED: { status: 502, close: true },
  DIAL_ABORTED: { status: 502, close: true },
  DIAL_LOOP: { status: 502, close: true, reason: "loop" },
  TLS_FAILED: { status: 502, close: true },
  TLS_IDENTITY_MISMATCH: { status: 502, close: true, reason: "identity mismatch" },
  TLS_NO_CERTIFICATE: { status: 502, close: true, reason: "no certificate" },
  UPSTREAM_CLOSED: { status: 502, close: true },
  UPSTREAM_RESET: { status: 502, close: true, reason: "stream reset" },
  UPSTREAM_MALFORMED: { status: 502, close: true },
  ROUTE_NOT_FOUND: { status: 404, close: false, reason: "no route" },
  BACKEND_MISSING: { status: 502, close: true, reason: "no backend" },
  GATEWAY_LOOP: { status: 508, close: true, reason: "gateway loop" },
  GATEWAY_DOMAIN_INVALID: { status: 404, close: false, reason: "gateway domain invalid" },
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
    exchange.live.errorCode = error.code;
    exchange.live.isLocalAnswer = exchange.state === "waiting";
    if (error.code.endsWith("_TIMEOUT") || error.code === "BALANCER_FAILFAST") exchange.live.timedOut = true;
    if (answer.close) exchange.mustClose = true;
    const isInformational = options.isInformational(exchange);
    // Edits belong to the routes' filters, which apply to what a backend answers.
    exchange.responseEdits.length = 0;
    if (exchange.live.protocol === "grpc") {
      answerGrpc(exchange, grpcStatusOf(answer.status), isInformational ? error.message : "");
      return;
    }
    const head = emptyResponse(answer.status);
    if (isInformational) {
      head.fields.append("l5d-proxy-error", headerText(error.message));
      if (answer.close) head.fields.append("l5d-proxy-connection", "close");
    }
    answerLocally(exchange, head);
  };
}

/** Sends a response without body. */
export function answerLocally(exchange: ServerExchange, head: ResponseHead): void {
  exchange.sendHead(head);
  exchange.sendEnd(undefined);
}

/**
 * Answers a gRPC call, or ends an answer that has begun. Where nothing was sent yet, head and trailers are one.
 *
 * @param message "" when the client may not know
 * @see gRPC over HTTP/2, "Trailers-Only"
 */
export function answerGrpc(exchange: ServerExchange, status: number, message: string): void {
  if (exchange.state === "responding") {
    const trailers = new Fields();
    appendGrpcStatus(trailers, status, message);
    exchange.sendEnd(trailers);
    return;
  }
  const head = new ResponseHead();
  head.status = 200;
  head.fields.append("content-type", "application/grpc");
  appendGrpcStatus(head.fields, status, message);
  if (message !== "") head.fields.append("l5d-proxy-error", headerText(message));
  answerLocally(exchange, head);
}

function appendGrpcStatus(fields: Fields, status: number, message: string): void {
  fields.append("grpc-status", String(status));
  // Percent-encoded as gRPC wants it; what is printable passes.
  if (message !== "") fields.append("grpc-message", headerText(message).replace(/%/g, "%25"));
}

/** What a status of ours is called in gRPC. */
export function grpcStatusOf(status: number): number {
  return GRPC_STATUSES[status] ?? GRPC_INTERNAL;
}

const GRPC_INTERNAL = 13;
/** @see reference: proxy section 13 */
const GRPC_STATUSES: Readonly<Record<number, number>> = {
  403: 7,
  404: 5,
  429: 8,
  431: 8,
  501: 12,
  502: 14,
  503: 14,
  504: 4,
  508: 10,
};

export function emptyResponse(status: number): ResponseHead {
  const head = new ResponseHead();
  head.status = status;
  head.reason = reasonPhrase(status);
  if (status >= 200 && status !== 204 && status !== 304) head.fields.append("content-length", "0");
  return head;
}

/** Messages may quote a peer; nothing of it may end the line. */
export function headerText(message: string): string {
  return message.replace(/[^\x20-\x7e]/g, "?").slice(0, 512);
}
