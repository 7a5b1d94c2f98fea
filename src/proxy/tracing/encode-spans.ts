import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ExportTraceServiceRequestSchema } from "../../api/gen/opentelemetry/proto/collector/trace/v1/trace_service_pb.js";
import type { KeyValueSchema } from "../../api/gen/opentelemetry/proto/common/v1/common_pb.js";
import {
  Span_SpanKind,
  type SpanSchema,
  Status_StatusCode,
} from "../../api/gen/opentelemetry/proto/trace/v1/trace_pb.js";
import { VERSION } from "../../base/version.ts";
import type { Span } from "./span.ts";

/** Spans of one proxy as OTLP has them. */
export function encodeSpans(
  resource: ReadonlyMap<string, string | number>,
  spans: readonly Span[],
): MessageInitShape<typeof ExportTraceServiceRequestSchema> {
  return {
    resourceSpans: [
      {
        resource: { attributes: [...resource].map(encodeAttribute) },
        scopeSpans: [{ scope: { name: "meshctl-proxy", version: VERSION }, spans: spans.map(encodeSpan) }],
      },
    ],
  };
}

function encodeSpan(span: Span): MessageInitShape<typeof SpanSchema> {
  return {
    traceId: Buffer.from(span.traceId, "hex"),
    spanId: Buffer.from(span.spanId, "hex"),
    parentSpanId: Buffer.from(span.parentSpanId, "hex"),
    name: span.name,
    kind: span.kind === "server" ? Span_SpanKind.SERVER : Span_SpanKind.CLIENT,
    startTimeUnixNano: nanoseconds(span.startMs),
    endTimeUnixNano: nanoseconds(span.endMs),
    attributes: span.attributes.map(encodeAttribute),
    status: { code: span.isError ? Status_StatusCode.ERROR : Status_StatusCode.UNSET },
  };
}

export function encodeAttribute([key, value]: readonly [string, string | number]): MessageInitShape<
  typeof KeyValueSchema
> {
  return typeof value === "string"
    ? { key, value: { value: { case: "stringValue", value } } }
    : { key, value: { value: { case: "intValue", value: BigInt(value) } } };
}

/** Milliseconds with fraction are exact to microseconds at best: the rest would be noise. */
function nanoseconds(ms: number): bigint {
  return BigInt(Math.round(ms * 1000)) * 1000n;
}
