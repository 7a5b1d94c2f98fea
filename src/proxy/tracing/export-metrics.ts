import { MetricsService } from "../../api/gen/opentelemetry/proto/collector/metrics/v1/metrics_service_pb.js";
import type { Clock, Timer } from "../../base/clock.ts";
import { toMeshError } from "../../base/error.ts";
import type { Logger } from "../../base/log.ts";
import { parsePromText } from "../../wire/prom-parse.ts";
import type { GrpcClient } from "../control/grpc-client.ts";
import { encodeMetrics } from "./encode-metrics.ts";

export interface MetricsExportOptions {
  readonly intervalMs: number;
  readonly resource: ReadonlyMap<string, string | number>;
  /** Of the collector; closed here. */
  readonly client: GrpcClient;
  /** What `/metrics` says. */
  readonly read: () => string | Promise<string>;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface MetricsExport {
  /** Sends what there is once more, for a second at most. */
  close(): Promise<void>;
}

const EXPORT_MS = 10_000;
const LAST_EXPORT_MS = 1000;

/**
 * Sends all metrics to a collector, by OTLP over gRPC (`MetricsService/Export`), at an interval that begins anew after each answer.
 *
 * Numbers are cumulative: an export that fails costs nothing but its time.
 */
export function exportMetrics(options: MetricsExportOptions): MetricsExport {
  const { intervalMs, client, clock, log } = options;
  const startedAt = nanoseconds(clock.now());
  const closing = new AbortController();
  let isFailing = false;
  let timer: Timer | undefined;

  const send = async (timeoutMs: number): Promise<void> => {
    try {
      const series = parsePromText(await options.read());
      const times = { startTimeUnixNano: startedAt, timeUnixNano: nanoseconds(clock.now()) };
      await client.unary(MetricsService.method.export, encodeMetrics(options.resource, series, times), {
        timeoutMs,
        signal: closing.signal,
      });
      isFailing = false;
    } catch (error) {
      // Once an outage: the client tells of the connection itself.
      log[isFailing ? "debug" : "warn"]("the collector took no metrics", {
        error: toMeshError(error).message,
      });
      isFailing = true;
    }
  };
  let running = Promise.resolve();
  const arm = (): void => {
    timer = clock.schedule(intervalMs, () => {
      running = send(EXPORT_MS).then(() => {
        if (!closing.signal.aborted) arm();
      });
    });
  };
  arm();

  return {
    async close() {
      timer?.cancel();
      const limit = clock.schedule(LAST_EXPORT_MS, () => closing.abort());
      await running;
      timer?.cancel();
      await send(LAST_EXPORT_MS);
      limit.cancel();
      closing.abort();
      client.close();
    },
  };
}

function nanoseconds(ms: number): bigint {
  return BigInt(Math.round(ms)) * 1_000_000n;
}
