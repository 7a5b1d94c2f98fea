import { tryParseGoDuration } from "../base/duration.ts";
import {
  CONTROLLER_NAME,
  DESTINATION_PORT,
  DESTINATION_SERVICE,
  IDENTITY_PORT,
  IDENTITY_SERVICE,
  POLICY_PORT,
  POLICY_SERVICE,
  workloadIdentity,
} from "../base/names.ts";
import { trustDomainOf } from "../values/defaults.ts";
import { tryParseQuantity } from "../values/quantity.ts";
import { resolveOpaquePorts } from "./opaque-ports.ts";
import type { PodSettings } from "./pod-settings.ts";
import { inboundPorts, type PodSpec } from "./pod-spec.ts";

export const END_ENTITY_DIR = "/var/run/meshctl/identity/end-entity";
export const TOKEN_DIR = "/var/run/secrets/tokens";
export const TOKEN_NAME = "meshctl-identity-token";

export type EnvVar =
  | { readonly name: string; readonly value: string }
  | { readonly name: string; readonly valueFrom: { readonly fieldRef: { readonly fieldPath: string } } };

/**
 * The environment of one proxy (reference proxy 2, control-plane 3.5).
 *
 * With explicit capture the listen addresses and the pod's own addresses are absent: whoever runs the pod knows its
 * addresses and sets them.
 */
export function proxyEnv(settings: PodSettings, spec: PodSpec): EnvVar[] {
  const { values } = settings;
  const { proxy, namespace: ns } = values;
  const trustDomain = trustDomainOf(values);
  const controller = workloadIdentity(CONTROLLER_NAME, ns, ns, trustDomain);
  const identity = workloadIdentity(IDENTITY_SERVICE, ns, ns, trustDomain);
  const serviceAddress = (service: string, port: number) =>
    `${service}.${ns}.svc.${values.clusterDomain}.:${port}`;
  const env: EnvVar[] = [
    field("_pod_name", "metadata.name"),
    field("_pod_ns", "metadata.namespace"),
    field("_pod_uid", "metadata.uid"),
    field("_pod_ip", "status.podIP"),
    field("_pod_nodeName", "spec.nodeName"),
    field("_pod_sa", "spec.serviceAccountName"),
  ];
  const set = (suffix: string, value: string | number | boolean | undefined): void => {
    if (value !== undefined && value !== "")
      env.push({ name: `MESHCTL_PROXY_${suffix}`, value: String(value) });
  };

  set("CAPTURE", proxy.capture);
  for (const [suffix, value] of coreLimits(settings)) set(suffix, value);
  set("LOG", proxy.logLevel);
  set("LOG_FORMAT", proxy.logFormat);
  if (proxy.accessLog !== "off") set("ACCESS_LOG", proxy.accessLog);
  set("SHUTDOWN_ENDPOINT_ENABLED", proxy.enableShutdownEndpoint);
  set("SHUTDOWN_GRACE_PERIOD", milliseconds(proxy.shutdownGracePeriod));

  set("DESTINATION_SVC_ADDR", serviceAddress(DESTINATION_SERVICE, DESTINATION_PORT));
  set("DESTINATION_SVC_NAME", controller);
  set("DESTINATION_PROFILE_NETWORKS", values.clusterNetworks);
  set("DESTINATION_PROFILE_SUFFIXES", settings.externalProfiles ? "." : `svc.${values.clusterDomain}.`);
  set("DESTINATION_CONTEXT", '{"ns":"$(_pod_ns)","nodeName":"$(_pod_nodeName)","pod":"$(_pod_name)"}');
  set("POLICY_SVC_ADDR", serviceAddress(POLICY_SERVICE, POLICY_PORT));
  set("POLICY_SVC_NAME", controller);
  set("POLICY_WORKLOAD", '{"ns":"$(_pod_ns)","pod":"$(_pod_name)"}');
  set("POLICY_CLUSTER_NETWORKS", values.clusterNetworks);
  set("CONTROL_STREAM_INITIAL_TIMEOUT", "3s");
  set("CONTROL_STREAM_IDLE_TIMEOUT", "5m");
  set("CONTROL_STREAM_LIFETIME", "1h");

  set("INBOUND_DEFAULT_POLICY", proxy.defaultInboundPolicy);
  set("INBOUND_PORTS", inboundPorts(spec).join(","));
  set("INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION", resolveOpaquePorts(proxy.opaquePorts, spec));
  set("INBOUND_PORTS_REQUIRE_IDENTITY", settings.requireIdentityPorts);
  set("INBOUND_CONNECT_TIMEOUT", milliseconds(proxy.inboundConnectTimeout));
  set("OUTBOUND_CONNECT_TIMEOUT", milliseconds(proxy.outboundConnectTimeout));
  set("INBOUND_DISCOVERY_IDLE_TIMEOUT", milliseconds(proxy.inboundDiscoveryCacheUnusedTimeout));
  set("OUTBOUND_DISCOVERY_IDLE_TIMEOUT", milliseconds(proxy.outboundDiscoveryCacheUnusedTimeout));
  // Nothing turns detection's time limit off; a year is what upstream calls off.
  if (settings.disableInboundDetectTimeout) set("INBOUND_DETECT_TIMEOUT", "365d");
  if (settings.disableOutboundDetectTimeout) set("OUTBOUND_DETECT_TIMEOUT", "365d");
  if (settings.gateway) set("INBOUND_GATEWAY_SUFFIXES", `svc.${values.clusterDomain}.`);
  if (settings.ingressMode) set("INGRESS_MODE", true);
  if (settings.metricsHostnameLabels) set("OUTBOUND_METRICS_HOSTNAME_LABELS", true);

  if (proxy.capture === "transparent") {
    const any = values.disableIpv6 ? "0.0.0.0" : "[::]";
    set("CONTROL_LISTEN_ADDR", `${any}:${proxy.ports.control}`);
    set("ADMIN_LISTEN_ADDR", `${any}:${proxy.ports.admin}`);
    set("INBOUND_LISTEN_ADDR", `${any}:${proxy.ports.inbound}`);
    const loopback = [`127.0.0.1:${proxy.ports.outbound}`];
    if (!values.disableIpv6) loopback.push(`[::1]:${proxy.ports.outbound}`);
    set("OUTBOUND_LISTEN_ADDRS", loopback.join(","));
    env.push(field("MESHCTL_PROXY_INBOUND_IPS", "status.podIPs"));
  }

  set("IDENTITY_DIR", END_ENTITY_DIR);
  set("IDENTITY_TOKEN_FILE", `${TOKEN_DIR}/${TOKEN_NAME}`);
  set("IDENTITY_TRUST_ANCHORS", values.identityTrustAnchorsPem);
  set("IDENTITY_LOCAL_NAME", workloadIdentity("$(_pod_sa)", "$(_pod_ns)", ns, trustDomain));
  set("IDENTITY_SVC_ADDR", serviceAddress(IDENTITY_SERVICE, IDENTITY_PORT));
  set("IDENTITY_SVC_NAME", identity);

  // Last, so that Kubernetes lets them override any of the above.
  for (const entry of proxy.additionalEnv) env.push({ ...entry });
  return env;
}

/** Workers follow the CPU limit: whole cores, rounded up. */
function coreLimits(settings: PodSettings): [string, number | undefined][] {
  const { request, limit } = settings.values.proxy.resources.cpu;
  return [
    ["CORES", wholeCores(request)],
    ["CORES_MAX", wholeCores(limit)],
    ["CORES_MAX_RATIO", settings.cpuRatioLimit],
  ];
}

function wholeCores(quantity: string): number | undefined {
  const cores = quantity === "" ? undefined : tryParseQuantity(quantity);
  return cores === undefined ? undefined : Math.max(1, Math.ceil(cores));
}

/** Values use Go's durations, the proxy whole units: 1m30s is 90000ms there. */
function milliseconds(goDuration: string): string | undefined {
  const ms = goDuration === "" ? undefined : tryParseGoDuration(goDuration);
  return ms === undefined ? undefined : `${Math.round(ms)}ms`;
}

function field(name: string, fieldPath: string): EnvVar {
  return { name, valueFrom: { fieldRef: { fieldPath } } };
}
