import type { Clock } from "../../base/clock.ts";
import { joinHostPort } from "../../base/ip.ts";
import type { Labels, Registry } from "../../metrics/registry.ts";
import { isFailingGrpcStatus } from "../../observe/outcome.ts";
import type { ControlAddress } from "../config.ts";
import { LABELS } from "./metric-labels.ts";

/** Who cares how calls to one service go. */
export interface CallObserver {
  /** A call begins, on a connection that stands. */
  begin(): CallWatch;
}

export interface CallWatch {
  /** The response's head has come. */
  responded(status: number): void;
  /** @param grpcStatus -1: the call ended without one */
  ended(grpcStatus: number): void;
}

/** Observers of calls, by the service that is called. */
export type CallObservers = (address: ControlAddress) => CallObserver;

/** `control_*`: the proxy's own calls to the control plane, in the families of requests. A stream counts as a response when it ends. */
export function createControlCalls(
  registry: Registry,
  clock: Clock,
  latencyBucketsMs: readonly number[],
): CallObservers {
  const labelNames = ["addr", ...LABELS.tlsConnect];
  const requests = registry.counter("control_request_total", "Calls to the control plane", labelNames);
  const latencies = registry.histogram(
    "control_response_latency_ms",
    "From the beginning of a call to the head of its response",
    latencyBucketsMs,
    [...labelNames, "status_code"],
  );
  const responses = registry.counter("control_response_total", "Calls to the control plane that have ended", [
    ...labelNames,
    "status_code",
    "classification",
    "grpc_status",
    "error",
  ]);
  return (address) => {
    const labels = labelsOf(address);
    return {
      begin() {
        requests.add(1, labels);
        const startedAt = clock.monotonic();
        let status = 0;
        return {
          responded(received) {
            status = received;
            latencies.observe(clock.monotonic() - startedAt, { ...labels, status_code: status });
          },
          ended(grpcStatus) {
            const failed =
              status >= 500 || (status === 0 && grpcStatus < 0) || isFailingGrpcStatus(grpcStatus);
            responses.add(1, {
              ...labels,
              status_code: status === 0 ? "" : status,
              classification: failed ? "failure" : "success",
              grpc_status: grpcStatus < 0 ? "" : grpcStatus,
              error: status === 0 ? "unclassified" : "",
            });
          },
        };
      },
    };
  };
}

function labelsOf({ host, port, name }: ControlAddress): Labels {
  const addr = joinHostPort(host, port);
  return name === undefined
    ? { addr, tls: "no_identity", no_tls_reason: "loopback" }
    : { addr, tls: "true", server_id: name };
}
