import type { Clock } from "../../base/clock.ts";
import {
  classifyGrpc,
  classifyStatus,
  parseGrpcStatus,
  type ResponseClass,
} from "../../policy/classify-response.ts";
import { parsePushbackMs, parseRetryAfterMs } from "../../policy/retry-after.ts";
import type { Fields } from "../../wire/http1-fields.ts";
import type { ResponseHead } from "../../wire/http1-head.ts";

const PERMISSION_DENIED = 7;
/** What may be retried later, by its own account: RESOURCE_EXHAUSTED and UNAVAILABLE. */
const PASSING_CODES: ReadonlySet<number> = new Set([8, 14]);

/**
 * What one response means to the balancer: its class for the breaker, and whether it counts as slow.
 *
 * @see reference: proxy section 10 (Circuit breaking; Balancer, penalty variant)
 */
export class ResponseVerdict {
  response: ResponseClass = "success";
  /** Known from the head on: a failure in trailers comes too late for a latency. */
  isPenalised = false;
  /** For how long the server asked to be left alone, ms. */
  retryAfterMs = 0;
  readonly #isGrpc: boolean;
  readonly #clock: Clock;

  constructor(isGrpc: boolean, clock: Clock) {
    this.#isGrpc = isGrpc;
    this.#clock = clock;
  }

  read(head: ResponseHead, trailers: Fields | undefined): void {
    const { status, fields } = head;
    this.response = classifyStatus(status);
    this.isPenalised = this.response !== "success";
    if (status === 429 || status === 503) {
      this.retryAfterMs = parseRetryAfterMs(fields.get("retry-after"), this.#clock.now());
    }
    if (!this.#isGrpc) return;
    const code = this.#readGrpc(fields);
    if (code > 0 && code !== PERMISSION_DENIED && this.response !== "success") this.isPenalised = true;
    if (trailers) this.#readGrpc(trailers);
  }

  /** The end of a response whose head has been read. */
  readTrailers(trailers: Fields): void {
    if (this.#isGrpc) this.#readGrpc(trailers);
  }

  /** @returns the gRPC code; -1: there is none */
  #readGrpc(fields: Fields): number {
    const text = fields.get("grpc-status");
    if (text === undefined) return -1;
    const code = parseGrpcStatus(text);
    const response = classifyGrpc(code);
    // An HTTP status that is a failure stays one, whatever the rest says.
    if (response !== "success") this.response = response;
    if (PASSING_CODES.has(code)) {
      this.retryAfterMs = Math.max(this.retryAfterMs, parsePushbackMs(fields.get("grpc-retry-pushback-ms")));
    }
    return code;
  }
}
