import type { CounterSeries, Registry } from "../../metrics/registry.ts";
import { type GrpcCode, grpcCodeName } from "./grpc-error.ts";
import type { GrpcMethod } from "./grpc-method.ts";
import type { GrpcObserver } from "./grpc-stream.ts";

/** The families that gRPC servers of other languages have, by the same names: `grpc_server_started_total` and so on. */
export function createGrpcMetrics(registry: Registry): GrpcObserver {
  const started = registry.counter("grpc_server_started_total", "Calls that began", LABELS);
  const sent = registry.counter("grpc_server_msg_sent_total", "Messages that were sent", LABELS);
  const handled = registry.counter("grpc_server_handled_total", "Calls that are over, by status", [
    ...LABELS,
    "grpc_code",
  ]);
  const series = new Map<GrpcMethod, { readonly started: CounterSeries; readonly sent: CounterSeries }>();
  const seriesOf = (method: GrpcMethod) => {
    let found = series.get(method);
    if (!found) {
      const labels = labelsOf(method);
      series.set(method, (found = { started: started.with(labels), sent: sent.with(labels) }));
    }
    return found;
  };
  return {
    started: (method) => seriesOf(method).started.add(1),
    sent: (method) => seriesOf(method).sent.add(1),
    handled: (method, code: GrpcCode) =>
      handled.add(1, { ...labelsOf(method), grpc_code: grpcCodeName(code) }),
  };
}

const LABELS = ["grpc_service", "grpc_method", "grpc_type"];

function labelsOf({ path, type }: GrpcMethod) {
  const [, service = "", method = ""] = path.split("/");
  return { grpc_service: service, grpc_method: method, grpc_type: type };
}
