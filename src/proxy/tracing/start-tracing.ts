import { TraceService } from "../../api/gen/opentelemetry/proto/collector/trace/v1/trace_service_pb.js";
import type { Clock } from "../../base/clock.ts";
import { toMeshError } from "../../base/error.ts";
import type { Logger } from "../../base/log.ts";
import type { TracingConfig } from "../config.ts";
import type { GrpcClient } from "../control/grpc-client.ts";
import type { SpanMetrics } from "../metrics/span-metrics.ts";
import { encodeSpans } from "./encode-spans.ts";
import { readResource } from "./read-resource.ts";
import { SpanExporter } from "./span-exporter.ts";
import { Tracer } from "./tracer.ts";

export interface StartTracingOptions {
  readonly config: TracingConfig;
  /** Of the collector; closed here. */
  readonly client: GrpcClient;
  readonly metrics: SpanMetrics;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
}

export interface RunningTracing {
  readonly tracer: Tracer;
  /** Sends what is left, for a second at most. */
  close(): Promise<void>;
}

const EXPORT_MS = 10_000;
const LAST_EXPORT_MS = 1000;

/** Spans to a collector, by OTLP over gRPC (`TraceService/Export`). */
export async function startTracing(options: StartTracingOptions): Promise<RunningTracing> {
  const { config, client, metrics, clock, random, log } = options;
  const resource = await readResource(config, clock, log);
  const closing = new AbortController();
  let isFailing = false;
  const exporter = new SpanExporter({
    clock,
    metrics,
    async send(spans) {
      await client.unary(TraceService.method.export, encodeSpans(resource, spans), {
        timeoutMs: EXPORT_MS,
        signal: closing.signal,
      });
      isFailing = false;
    },
    onFailure(error, spans) {
      // Once an outage: the client tells of the connection itself.
      const level = isFailing ? "debug" : "warn";
      isFailing = true;
      log[level]("the collector took no spans", { spans, error: toMeshError(error).message });
    },
  });
  const tracer = new Tracer({
    samplingRatio: config.samplingRatio,
    clock,
    random,
    emit: (span) => exporter.add(span),
  });
  return {
    tracer,
    async close() {
      const timer = clock.schedule(LAST_EXPORT_MS, () => closing.abort());
      await exporter.close();
      timer.cancel();
      client.close();
    },
  };
}
