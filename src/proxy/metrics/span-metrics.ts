import type { Registry } from "../../metrics/registry.ts";

/** What the exporter of spans reports. */
export interface SpanMetrics {
  exported(spans: number): void;
  /** The collector did not take a batch. */
  failed(spans: number): void;
  /** There was no room to wait for the collector. */
  dropped(spans: number): void;
}

/** `opentelemetry_span_*`: declared only in proxies that have a collector. */
export function createSpanMetrics(registry: Registry): SpanMetrics {
  const requests = registry.counter("opentelemetry_span_export_requests", "Batches that were sent", []);
  const spans = registry.counter("opentelemetry_span_exports", "Spans that the collector took", []);
  const drops = registry.counter("opentelemetry_span_drops_total", "Spans that nobody will see, and why", [
    "reason",
  ]);
  return {
    exported(count) {
      requests.add(1);
      spans.add(count);
    },
    failed(count) {
      requests.add(1);
      drops.add(count, { reason: "failed" });
    },
    dropped(count) {
      drops.add(count, { reason: "overflow" });
    },
  };
}
