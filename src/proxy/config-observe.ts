import type { Network } from "../base/ip.ts";
import type { ObserveConfig, TracingConfig } from "./config.ts";
import { readControlAddress } from "./config-control.ts";
import { type ConfigReader, isDnsName } from "./config-env.ts";

/** What is said about traffic beyond the defaults: labels that clients write, tap in Linkerd's protocol, spans. */
export function readObserve(reader: ConfigReader, ownNetworks: readonly Network[]): ObserveConfig {
  return {
    inboundAuthorityLabels: reader.parse(
      "INBOUND_METRICS_AUTHORITY_LABELS",
      false,
      "unsafe, or nothing",
      (text) => (text === "unsafe" ? true : undefined),
    ),
    hostnameLabels: reader.boolean("OUTBOUND_METRICS_HOSTNAME_LABELS", false),
    tap: readTap(reader),
    tracing: readTracing(reader, ownNetworks),
  };
}

function readTap(reader: ConfigReader): ObserveConfig["tap"] {
  const listen = reader.listen("CONTROL_LISTEN_ADDR", { host: "0.0.0.0", port: 4190 });
  const clientName = reader.parse("TAP_SVC_NAME", "", "a DNS name", (text) =>
    isDnsName(text) ? text : undefined,
  );
  return clientName === "" ? undefined : { listen, clientName };
}

function readTracing(reader: ConfigReader, ownNetworks: readonly Network[]): TracingConfig | undefined {
  const samplingRatio = reader.ratio("TRACE_SAMPLING_RATIO", 0);
  const attributesPath = reader.text("TRACE_ATTRIBUTES_PATH", "");
  const extra = reader.text("TRACE_EXTRA_ATTRIBUTES", "");
  const metricsIntervalMs = reader.durationMs("METRICS_EXPORT_INTERVAL", undefined);
  if (metricsIntervalMs === 0) reader.missing("METRICS_EXPORT_INTERVAL", "must be more than 0");
  const serviceName = reader.text("TRACE_SERVICE_NAME", "");
  // The name goes with the address: without it there is no collector.
  if (!reader.raw("TRACE_COLLECTOR_SVC_ADDR")) {
    reader.raw("TRACE_COLLECTOR_SVC_NAME");
    if (metricsIntervalMs !== undefined) {
      reader.missing("TRACE_COLLECTOR_SVC_ADDR", "is required with METRICS_EXPORT_INTERVAL");
    }
    return undefined;
  }
  return {
    collector: readControlAddress(reader, "TRACE_COLLECTOR_SVC", ownNetworks),
    samplingRatio,
    metricsIntervalMs,
    serviceName,
    attributesPath: attributesPath === "" ? undefined : attributesPath,
    extraAttributes: extra,
    otelAttributes: reader.unprefixed("OTEL_RESOURCE_ATTRIBUTES"),
    hostName: reader.unprefixed("HOSTNAME"),
  };
}
