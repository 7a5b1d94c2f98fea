import type { Clock } from "../../base/clock.ts";
import { MeshError } from "../../base/error.ts";
import type { Registry } from "../../metrics/registry.ts";
import type { HostResolver } from "../control/resolve-host.ts";
import { type CallObservers, createControlCalls } from "./control-calls.ts";
import { LATENCY_BUCKETS_MS } from "./http-series.ts";

/** Metrics of the proxy's own calls to the control plane. */
export interface ControlMetrics {
  /** A resolver that counts what its one client asks. */
  resolver(client: ControlClient, inner: HostResolver): HostResolver;
  readonly calls: CallObservers;
}

export type ControlClient = "destination" | "policy" | "identity" | "opentelemetry" | "dst";

/** `control_*`: names of the control plane, and calls to it. */
export function createControlMetrics(registry: Registry, clock: Clock): ControlMetrics {
  const resolutions = registry.counter("control_dns_resolutions_total", "Names that were looked up", [
    "client",
    "record_type",
    "result",
  ]);
  return {
    calls: createControlCalls(registry, clock, LATENCY_BUCKETS_MS),
    resolver(client, inner) {
      const count = (result: "ok" | "not_found" | "error"): void =>
        resolutions.add(1, { client, record_type: "A/AAAA", result });
      return {
        async resolve(host) {
          try {
            const addresses = await inner.resolve(host);
            count("ok");
            return addresses;
          } catch (error) {
            count(error instanceof MeshError && error.code === "DNS_NOT_FOUND" ? "not_found" : "error");
            throw error;
          }
        },
        ttlMs: (host) => inner.ttlMs?.(host) ?? 0,
      };
    },
  };
}
