import type { Clock } from "../../base/clock.ts";
import type { LiveExchange } from "../../observe/live-exchange.ts";
import type { Guest } from "../../observe/observer-set.ts";
import type { ServerExchange } from "../http/server-exchange.ts";
import type { Tracing } from "../layers/trace-requests.ts";
import { requestAttributes, type Span, type SpanAttribute, spanName } from "./span.ts";
import { readTraceContext, type TraceContext, writeTraceContext } from "./trace-context.ts";

export interface TracerOptions {
  /** Share of requests without a trace for which one is begun, 0 to 1. */
  readonly samplingRatio: number;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Takes a span that is over. */
  readonly emit: (span: Span) => void;
}

/** A span that runs. */
interface OpenSpan {
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly startMs: number;
  readonly attributes: SpanAttribute[];
}

/** What an exchange has of a trace: kept on its record until the response's head. */
class ExchangeTrace {
  readonly context: TraceContext;
  readonly server: OpenSpan;
  /** One for each time that the request was sent. */
  readonly clients: OpenSpan[] = [];

  constructor(context: TraceContext, server: OpenSpan) {
    this.context = context;
    this.server = server;
  }
}

/**
 * Two spans for each sampled request, both over with the response's head:
 *
 *     caller's span --> server span: since the request came --> client span: since it was sent on --> next hop
 *
 * Each takes its parent's place in the headers that go on. Requests of a trace that is not sampled pass as they are.
 */
export class Tracer implements Tracing, Guest {
  readonly #options: TracerOptions;

  constructor(options: TracerOptions) {
    this.#options = options;
  }

  begin(exchange: ServerExchange): void {
    const { request, live } = exchange;
    const found = readTraceContext(request.fields);
    const context = found ?? this.#start();
    if (!context?.isSampled) return;
    const trace = new ExchangeTrace(context, {
      spanId: this.#spanId(),
      parentSpanId: found ? context.spanId : "",
      startMs: live.openedAtMs,
      attributes: requestAttributes(live, request),
    });
    live.trace = trace;
    writeTraceContext(request.fields, context, trace.server.spanId);
    exchange.onSend = (sent) => this.#sent(sent, trace);
  }

  responded(live: LiveExchange): void {
    this.#finish(live, live.responded);
  }

  closed(live: LiveExchange): void {
    this.#finish(live, live.closed);
  }

  #sent({ request, live }: ServerExchange, trace: ExchangeTrace): void {
    const spanId = this.#spanId();
    trace.clients.push({
      spanId,
      parentSpanId: trace.server.spanId,
      startMs: this.#options.clock.now(),
      attributes: requestAttributes(live, request),
    });
    writeTraceContext(request.fields, { ...trace.context, spanId: trace.server.spanId }, spanId);
  }

  /** @param until monotonic */
  #finish(live: LiveExchange, until: number): void {
    const { trace } = live;
    if (!(trace instanceof ExchangeTrace)) return;
    live.trace = undefined;
    const { traceId } = trace.context;
    const endMs = live.openedAtMs + (until - live.opened);
    const isError = live.status === 0 || live.status >= 500;
    const status: SpanAttribute[] = live.status === 0 ? [] : [["http.response.status_code", live.status]];
    const emit = (kind: Span["kind"], { attributes, ...span }: OpenSpan): void =>
      this.#options.emit({
        ...span,
        traceId,
        kind,
        name: spanName(live),
        endMs: Math.max(endMs, span.startMs),
        attributes: [...attributes, ...status],
        isError,
      });
    emit("server", trace.server);
    for (const client of trace.clients) emit("client", client);
  }

  /** A trace of its own for a request that has none. */
  #start(): TraceContext | undefined {
    const { samplingRatio, random } = this.#options;
    if (samplingRatio === 0 || random() >= samplingRatio) return undefined;
    const traceId = this.#spanId() + this.#spanId();
    return { style: "w3c", traceId, spanId: "", isSampled: true, flags: 1 };
  }

  /** 16 hex digits, not all zero. */
  #spanId(): string {
    const half = (): string =>
      Math.floor(this.#options.random() * 2 ** 32)
        .toString(16)
        .padStart(8, "0");
    const id = half() + half();
    return id === "0000000000000000" ? "0000000000000001" : id;
  }
}
