import { createRegistry } from "../../../../src/metrics/registry.ts";
import type { LiveExchange, ObjectRef } from "../../../../src/observe/live-exchange.ts";
import { createRecorder } from "../../../../src/observe/recorder.ts";
import { createExchangeMetrics } from "../../../../src/proxy/metrics/exchange-metrics.ts";
import { createTransportMetrics } from "../../../../src/proxy/metrics/transport-metrics.ts";
import { FakeClock } from "../../../support/clock.ts";
import { buildExchange } from "../../observe/build-exchange.ts";

/** A recorder with the observers behind `/metrics`, and what they say. */
export function setUp() {
  const clock = new FakeClock();
  const registry = createRegistry({ clock });
  const recorder = createRecorder({
    clock,
    observers: [createExchangeMetrics(registry), createTransportMetrics(registry)],
  });
  const samples = (family: string): string[] =>
    registry
      .render()
      .split("\n")
      .filter((line) => line.startsWith(`${family}{`) || line.startsWith(`${family} `));
  return { clock, registry, recorder, samples };
}

export const WEB = ref("core", "Service", "web", { namespace: "demo", port: 80 });
export const ROUTE = ref("gateway.networking.k8s.io", "HTTPRoute", "web-split", { namespace: "demo" });
export const BACKEND = ref("core", "Service", "web-v2", { namespace: "demo", port: 8080 });

export function ref(
  group: string,
  kind: string,
  name: string,
  rest: { namespace?: string; port?: number } = {},
): ObjectRef {
  return { group, kind, name, namespace: "", section: "", port: 0, ...rest };
}

export const PARENT_AND_ROUTE =
  'parent_group="core",parent_kind="Service",parent_namespace="demo",parent_name="web",parent_port="80",parent_section_name="",' +
  'route_group="gateway.networking.k8s.io",route_kind="HTTPRoute",route_namespace="demo",route_name="web-split"';
export const TO_BACKEND =
  'backend_group="core",backend_kind="Service",backend_namespace="demo",backend_name="web-v2",backend_port="8080",backend_section_name=""';

/** An outbound request to web:80 by a route, with the given fields over plain ones. */
export function outbound(fields: Partial<LiveExchange> = {}): LiveExchange {
  return buildExchange({
    direction: "outbound",
    server: "10.0.0.9:80",
    verdict: "",
    parentRef: WEB,
    routeRef: ROUTE,
    backendRef: BACKEND,
    ...fields,
  });
}
