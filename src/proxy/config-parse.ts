import { MeshError } from "../base/error.ts";
import type { Network } from "../base/ip.ts";
import { DEFAULT_POLICIES, DEFAULT_POLICIES_OF_CLUSTER } from "../policy/default-policy.ts";
import type { ProxyConfig } from "./config.ts";
import { parseInboundListeners, parseOutboundServices } from "./config-capture.ts";
import { readBackoff, readControlAddress, readControlStream } from "./config-control.ts";
import { readCores } from "./config-cores.ts";
import {
  ConfigReader,
  type Environment,
  isDnsName,
  parseList,
  tryParseIp,
  tryParseListen,
} from "./config-env.ts";
import { readHttp2Client, readHttp2Server } from "./config-http2.ts";
import { readIdentity } from "./config-identity.ts";
import { ignoredWarnings } from "./config-ignored.ts";
import { readObserve } from "./config-observe.ts";
import { readSockets } from "./config-sockets.ts";
import { tryParseLogFilter } from "./log-filter.ts";

export interface ParsedProxyConfig {
  readonly config: ProxyConfig;
  /** Lines about what is set and has no effect. */
  readonly warnings: readonly string[];
}

/** What `PROXY_CONFIG_INVALID` carries as its cause: one line a bad variable. */
export class ConfigProblems extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.name = "ConfigProblems";
    this.problems = problems;
  }
}

/**
 * Reads the proxy's whole configuration from its environment.
 *
 * @throws MeshError `PROXY_CONFIG_INVALID`, naming every malformed or missing variable; `cause` is a ConfigProblems
 * @see reference: proxy section 2 (names, syntax, defaults); design section 5 (capture)
 */
export function parseProxyConfig(env: Environment, reader = new ConfigReader(env)): ParsedProxyConfig {
  const warnings: string[] = [];
  const config = readConfig(reader, warnings);
  if (reader.problems.length > 0) {
    throw new MeshError({
      kind: "user",
      code: "PROXY_CONFIG_INVALID",
      message: reader.problems.join("; "),
      hint: "the proxy's environment is written by the injector; correct the annotation or value that it came from",
      cause: new ConfigProblems(reader.problems),
    });
  }
  warnings.push(...ignoredWarnings(reader.unasked(), env));
  return { config, warnings };
}

function readConfig(reader: ConfigReader, warnings: string[]): ProxyConfig {
  const ownNetworks = reader.networks("OWN_NETWORKS", LOOPBACK);
  const ingressMode = reader.boolean("INGRESS_MODE", false);
  const clusterNetworks = reader.networks("POLICY_CLUSTER_NETWORKS", []);
  const backoffOut = readBackoff(reader, "OUTBOUND_CONNECT_EXP_BACKOFF", {
    minMs: 100,
    maxMs: 60_000,
    jitterRatio: 0.1,
  });
  const backoffIn = readBackoff(reader, "INBOUND_CONNECT_EXP_BACKOFF", {
    minMs: 100,
    maxMs: 10_000,
    jitterRatio: 0.1,
  });
  return {
    cores: readCores(reader),
    logLevel: reader.parse(
      "LOG",
      "info",
      "log directives, such as info or warn,meshctl=debug",
      (text) => tryParseLogFilter(text)?.text,
    ),
    logFormat: reader.choice("LOG_FORMAT", "plain", ["plain", "json"]),
    accessLog: readAccessLog(reader, warnings),
    capture: reader.choice("CAPTURE", "transparent", ["transparent", "explicit"]),
    ownNetworks,
    http2Client: readHttp2Client(reader, warnings),
    inbound: {
      listen: reader.listen("INBOUND_LISTEN_ADDR", { host: "0.0.0.0", port: 4143 }),
      listeners: parseInboundListeners(reader),
      appHost: reader.parse<string | undefined>("INBOUND_APP_HOST", undefined, "an IP address", tryParseIp),
      ips: reader.ips("INBOUND_IPS"),
      ports: [...reader.ports("INBOUND_PORTS")],
      gatewaySuffixes: reader.parse<readonly string[]>(
        "INBOUND_GATEWAY_SUFFIXES",
        [],
        "DNS suffixes",
        (text) => parseList(text, tryParseSuffix),
      ),
      opaquePorts: reader.ports("INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION"),
      defaultPolicy: readDefaultPolicy(reader, clusterNetworks),
      connectTimeoutMs: reader.durationMs("INBOUND_CONNECT_TIMEOUT", 300),
      detectTimeoutMs: reader.durationMs("INBOUND_DETECT_TIMEOUT", 10_000),
      discoveryIdleTimeoutMs: reader.durationMs("INBOUND_DISCOVERY_IDLE_TIMEOUT", 90_000),
      poolIdleTimeoutMs: reader.durationMs("INBOUND_HTTP1_CONNECTION_POOL_IDLE_TIMEOUT", 3000),
      maxIdleConnections: reader.count("MAX_IDLE_CONNS_PER_ENDPOINT", 10_000),
      maxInFlight: reader.count("INBOUND_MAX_IN_FLIGHT", 100_000),
      maxConnections: reader.optionalCount("INBOUND_MAX_CONNECTIONS"),
      queueCapacity: reader.count("INBOUND_HTTP_QUEUE_CAPACITY", 10_000),
      failfastTimeoutMs: reader.durationMs("INBOUND_HTTP_FAILFAST_TIMEOUT", 1000),
      sockets: readSockets(reader, "INBOUND"),
      http2: readHttp2Server(reader, "INBOUND", warnings),
      connectBackoff: backoffIn,
    },
    outbound: {
      listen: readOutboundListen(reader),
      services: parseOutboundServices(reader),
      sourceHost: reader.parse<string | undefined>(
        "OUTBOUND_SOURCE_HOST",
        undefined,
        "an IP address",
        tryParseIp,
      ),
      connectTimeoutMs: reader.durationMs("OUTBOUND_CONNECT_TIMEOUT", 1000),
      // Linkerd's default of 10 s would make opaque what an idle client of a pool says later.
      detectTimeoutMs: reader.durationMs("OUTBOUND_DETECT_TIMEOUT", undefined),
      discoveryIdleTimeoutMs: reader.durationMs("OUTBOUND_DISCOVERY_IDLE_TIMEOUT", 5000),
      queueCapacity: reader.count("OUTBOUND_HTTP_QUEUE_CAPACITY", 10_000),
      failfastTimeoutMs: reader.durationMs("OUTBOUND_HTTP_FAILFAST_TIMEOUT", 3000),
      poolIdleTimeoutMs: reader.durationMs("OUTBOUND_HTTP1_CONNECTION_POOL_IDLE_TIMEOUT", 3000),
      maxIdleConnections: reader.count("OUTBOUND_MAX_IDLE_CONNS_PER_ENDPOINT", 10_000),
      maxInFlight: reader.count("OUTBOUND_MAX_IN_FLIGHT", 100_000),
      maxConnections: reader.optionalCount("OUTBOUND_MAX_CONNECTIONS"),
      // Whom an ingress answers is outside: no word about the inside of the mesh unless it is asked for.
      disableInformationalHeaders: reader.boolean("OUTBOUND_DISABLE_INFORMATIONAL_HEADERS", ingressMode),
      ingressMode,
      tcpQueueCapacity: reader.count("OUTBOUND_TCP_QUEUE_CAPACITY", 10_000),
      tcpFailfastTimeoutMs: reader.durationMs("OUTBOUND_TCP_FAILFAST_TIMEOUT", 3000),
      sockets: readSockets(reader, "OUTBOUND"),
      http2: readHttp2Server(reader, "OUTBOUND", warnings),
      connectBackoff: backoffOut,
    },
    metricsRetainIdleMs: reader.durationMs("METRICS_RETAIN_IDLE", 600_000),
    observe: readObserve(reader, ownNetworks),
    admin: {
      listen: reader.listen("ADMIN_LISTEN_ADDR", { host: "127.0.0.1", port: 4191 }),
      shutdownEnabled: reader.boolean("SHUTDOWN_ENDPOINT_ENABLED", false),
    },
    shutdownGracePeriodMs: reader.durationMs("SHUTDOWN_GRACE_PERIOD", 120_000),
    identity: readIdentity(reader, ownNetworks),
    destination: {
      server: readControlAddress(reader, "DESTINATION_SVC", ownNetworks),
      context: reader.text("DESTINATION_CONTEXT", ""),
      profileNetworks: reader.networks("DESTINATION_PROFILE_NETWORKS", []),
      profileSuffixes: reader.parse(
        "DESTINATION_PROFILE_SUFFIXES",
        ["svc.cluster.local"],
        "DNS suffixes",
        (text) => parseList(text, tryParseSuffix),
      ),
    },
    policy: {
      server: readControlAddress(reader, "POLICY_SVC", ownNetworks),
      workload: reader.required("POLICY_WORKLOAD"),
      clusterNetworks,
    },
    controlStream: readControlStream(reader),
    dnsTtl: readDnsTtl(reader),
    dnsServers: reader.parse("DNS_SERVERS", [], "a comma list of ip:port", (text) =>
      parseList(text, (entry) => (tryParseListen(entry) || tryParseIp(entry) ? entry : undefined)),
    ),
  };
}

/** Bounds of how long an answer of DNS counts. */
function readDnsTtl(reader: ConfigReader): ProxyConfig["dnsTtl"] {
  const minMs = reader.durationMs("DNS_MIN_TTL", undefined);
  const maxMs = reader.durationMs("DNS_MAX_TTL", undefined);
  if (minMs !== undefined && maxMs !== undefined && minMs > maxMs) {
    reader.missing("DNS_MAX_TTL", `must be at least DNS_MIN_TTL (${minMs} ms), it is ${maxMs} ms`);
  }
  return { minMs, maxMs };
}

const LOOPBACK: readonly Network[] = [
  { family: 4, bits: 0x7f000000n, prefix: 8 },
  { family: 6, bits: 1n, prefix: 128 },
];

function readOutboundListen(reader: ConfigReader): ProxyConfig["outbound"]["listen"] {
  const single = reader.listen("OUTBOUND_LISTEN_ADDR", { host: "127.0.0.1", port: 4140 });
  return reader.parse("OUTBOUND_LISTEN_ADDRS", [single], "one or two of ip:port", (text) => {
    const list = parseList(text, tryParseListen);
    return list && (list.length === 1 || list.length === 2) ? list : undefined;
  });
}

function readDefaultPolicy(reader: ConfigReader, clusterNetworks: readonly Network[]): string {
  const policy = reader.choice("INBOUND_DEFAULT_POLICY", "all-unauthenticated", DEFAULT_POLICIES);
  if (DEFAULT_POLICIES_OF_CLUSTER.has(policy) && clusterNetworks.length === 0) {
    reader.missing("POLICY_CLUSTER_NETWORKS", `must not be empty with the default policy ${policy}`);
  }
  return policy;
}

/** Anything but the two formats turns the access log off, with a line that says so; it is never fatal. */
function readAccessLog(reader: ConfigReader, warnings: string[]): ProxyConfig["accessLog"] {
  const found = reader.raw("ACCESS_LOG");
  if (!found) return "off";
  if (found.value === "apache" || found.value === "json") return found.value;
  if (found.value !== "off") {
    warnings.push(`${found.name}="${found.value}": expected apache or json; the access log is off`);
  }
  return "off";
}

function tryParseSuffix(text: string): string | undefined {
  if (text === ".") return text;
  const name = text.toLowerCase().replace(/^\./, "").replace(/\.$/, "");
  return isDnsName(name) ? name : undefined;
}
