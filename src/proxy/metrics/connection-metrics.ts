import type { Registry } from "../../metrics/registry.ts";
import type { Observer } from "../../observe/recorder.ts";
import { LABELS, objectLabels, serverLabels } from "./metric-labels.ts";

const DETECT_SECONDS = [0.001, 0.1];

/** What was found out about connections: how they are served, what their first bytes were, what a transport header said. */
export function createConnectionMetrics(registry: Registry): Observer {
  const protocols = registry.counter(
    "outbound_tcp_protocol_connections_total",
    "Connections by how the policy of their target has them served",
    ["protocol", ...LABELS.parent],
  );
  const headers = registry.counter(
    "inbound_tcp_transport_header_connections_total",
    "Connections of other proxies, by what they say follows",
    ["session_protocol", "target_port", "target_name", "client_id"],
  );
  const labels = { inbound: LABELS.server, outbound: LABELS.parent };
  const detect = (direction: "inbound" | "outbound") => ({
    results: registry.counter(
      `${direction}_tcp_detect_http_results_total`,
      "Connections by what their first bytes were",
      ["result", ...labels[direction]],
    ),
    seconds: registry.histogram(
      `${direction}_tcp_detect_http_duration_seconds`,
      "Time until the first bytes of a connection said what it is",
      DETECT_SECONDS,
      labels[direction],
    ),
  });
  const detections = { inbound: detect("inbound"), outbound: detect("outbound") };
  return {
    connection(event) {
      switch (event.kind) {
        case "protocol":
          protocols.add(1, { protocol: event.protocol, ...objectLabels("parent", event.parent) });
          break;
        case "detected": {
          const where =
            event.direction === "inbound"
              ? serverLabels(event.parent, event.port)
              : objectLabels("parent", event.parent);
          const family = detections[event.direction];
          family.results.add(1, { result: event.result, ...where });
          family.seconds.observe(event.tookMs / 1000, where);
          break;
        }
        case "transport-header":
          headers.add(1, {
            session_protocol: event.session ?? "",
            target_port: event.port,
            target_name: event.name,
            client_id: event.clientId,
          });
          break;
      }
    },
  };
}
