import type { Network } from "../base/ip.ts";
import type { H2Settings } from "../wire/h2-settings.ts";
import type { CoresConfig } from "./config-cores.ts";
import type { Http2ServerConfig } from "./config-http2.ts";
import type { SideSocketsConfig } from "./config-sockets.ts";

/** The proxy's configuration, read once from MESHCTL_PROXY_* (reference proxy section 2; capture: design section 5). */
export interface ProxyConfig {
  readonly cores: CoresConfig;
  readonly logLevel: string;
  readonly logFormat: "plain" | "json";
  readonly accessLog: "off" | "apache" | "json";
  readonly capture: "transparent" | "explicit";
  /** Addresses that count as this host (loopback, and the pod's own). */
  readonly ownNetworks: readonly Network[];
  /** What servers are asked that the proxy calls over HTTP/2. */
  readonly http2Client: H2Settings;

  readonly inbound: {
    /** Where direct (4143) and redirected connections arrive. */
    readonly listen: ListenAddress;
    /** Explicit capture: each a port of the pod, forwarded to the application. */
    readonly listeners: readonly InboundListener[];
    /** Explicit capture: host that the application listens on, for ports that arrive by 4143. */
    readonly appHost: string | undefined;
    readonly ips: ReadonlySet<string> | undefined;
    readonly ports: readonly number[];
    /** Names that this proxy is a gateway for, without dots at the ends; "." is every name. Empty: it is none. */
    readonly gatewaySuffixes: readonly string[];
    readonly opaquePorts: ReadonlySet<number>;
    readonly defaultPolicy: string;
    readonly connectTimeoutMs: number;
    readonly detectTimeoutMs: number;
    readonly discoveryIdleTimeoutMs: number;
    readonly poolIdleTimeoutMs: number;
    readonly maxIdleConnections: number;
    readonly maxInFlight: number;
    /** Connections that may be open at once; undefined: as many as the process may have descriptors. */
    readonly maxConnections: number | undefined;
    /** Requests that may wait for a connection to the application, and how long; beyond it they are answered here. */
    readonly queueCapacity: number;
    readonly failfastTimeoutMs: number;
    readonly sockets: SideSocketsConfig;
    readonly http2: Http2ServerConfig;
    /** Waits between attempts to reach the application. Absent: 100 ms to 10 s, jitter 0.1. */
    readonly connectBackoff?: BackoffConfig;
  };
  readonly outbound: {
    /** Transparent: redirected egress. Explicit: the HTTP proxy port. */
    readonly listen: readonly ListenAddress[];
    /** Explicit capture: one listener per service port. */
    readonly services: readonly OutboundServiceListener[];
    /** Local address to dial from, explicit capture (the pod's own), so that peers see the pod. */
    readonly sourceHost: string | undefined;
    readonly connectTimeoutMs: number;
    /** How long a client that was silent at first may be recognised as one of HTTP; undefined: until its server speaks. */
    readonly detectTimeoutMs: number | undefined;
    readonly discoveryIdleTimeoutMs: number;
    /** Requests that may wait for an endpoint, and how long. */
    readonly queueCapacity: number;
    readonly failfastTimeoutMs: number;
    /** The same of connections whose bytes are not read. */
    readonly tcpQueueCapacity: number;
    readonly tcpFailfastTimeoutMs: number;
    readonly sockets: SideSocketsConfig;
    readonly http2: Http2ServerConfig;
    readonly poolIdleTimeoutMs: number;
    readonly maxIdleConnections: number;
    readonly maxInFlight: number;
    /** Connections that may be open at once; undefined: as many as the process may have descriptors. */
    readonly maxConnections: number | undefined;
    readonly disableInformationalHeaders: boolean;
    /** The application is an ingress: requests name their service in `l5d-dst-override`. */
    readonly ingressMode: boolean;
    /** Waits between attempts to reach an endpoint or the control plane. Absent: 100 ms to 60 s, jitter 0.1. */
    readonly connectBackoff?: BackoffConfig;
  };
  /** Series of `/metrics` that nothing touched for so long are dropped. */
  readonly metricsRetainIdleMs: number;
  readonly observe: ObserveConfig;
  readonly admin: { readonly listen: ListenAddress; readonly shutdownEnabled: boolean };
  readonly shutdownGracePeriodMs: number;

  readonly identity: {
    /** A DNS name; with SPIRE a `spiffe://` URI. */
    readonly localName: string;
    /** SNI by which others ask for this proxy; without SPIRE the same. */
    readonly serverName: string;
    /** Certificates come from SPIRE; the trust anchors with them. What follows is then empty. */
    readonly spire: SpireConfig | undefined;
    readonly trustAnchorsPem: string;
    /** Where the anchors are instead, followed while the proxy runs. */
    readonly trustAnchorsFile: string | undefined;
    readonly tokenFile: string;
    readonly server: ControlAddress | undefined;
    readonly minRefreshMs: number;
    readonly maxRefreshMs: number;
  };
  readonly destination: {
    readonly server: ControlAddress;
    readonly context: string;
    readonly profileNetworks: readonly Network[];
    readonly profileSuffixes: readonly string[];
  };
  readonly policy: {
    readonly server: ControlAddress;
    readonly workload: string;
    readonly clusterNetworks: readonly Network[];
  };
  readonly controlStream: {
    readonly initialTimeoutMs: number | undefined;
    readonly idleTimeoutMs: number | undefined;
    readonly lifetimeMs: number | undefined;
  };
  /** Bounds of how long an answer of DNS counts; undefined: as the answer says. */
  readonly dnsTtl: { readonly minMs: number | undefined; readonly maxMs: number | undefined };
  /** `ip:port` list; empty means the system's resolver. */
  readonly dnsServers: readonly string[];
}

export interface ObserveConfig {
  /** Inbound series carry the authority that clients write. */
  readonly inboundAuthorityLabels: boolean;
  /** Series of outbound routes carry the hostname that clients write. */
  readonly hostnameLabels: boolean;
  /** Tap in Linkerd's protocol, for the one client of this identity; undefined: off. */
  readonly tap: { readonly listen: ListenAddress; readonly clientName: string } | undefined;
  /** Undefined: no collector, no spans. */
  readonly tracing: TracingConfig | undefined;
}

export interface TracingConfig {
  readonly collector: ControlAddress;
  /** Share of requests without a trace for which one is begun, 0 to 1. */
  readonly samplingRatio: number;
  /** How often the collector gets all metrics too, ms; undefined: never. */
  readonly metricsIntervalMs: number | undefined;
  /** "" when not given; so are the texts below. */
  readonly serviceName: string;
  /** Downward-API file with the pod's labels, one `key="value"` a line. */
  readonly attributesPath: string | undefined;
  /** One `key=value` a line. */
  readonly extraAttributes: string;
  /** `OTEL_RESOURCE_ATTRIBUTES`: `key=value`, commas between. */
  readonly otelAttributes: string;
  readonly hostName: string;
}

/** The SPIFFE Workload API. */
export interface SpireConfig {
  readonly socketPath: string;
  /** Waits between two streams. */
  readonly backoff: BackoffConfig;
}

export interface BackoffConfig {
  readonly minMs: number;
  readonly maxMs: number;
  /** Share of the delay added at random, 0 to 1. */
  readonly jitterRatio: number;
}

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export interface InboundListener {
  readonly listen: ListenAddress;
  readonly target: ListenAddress | { readonly path: string };
}

export interface OutboundServiceListener {
  readonly listen: ListenAddress | { readonly path: string };
  /** Name and port of the service: `web.demo.svc.cluster.local`, 80. */
  readonly name: string;
  readonly port: number;
}

/** A control-plane service. `name` is the TLS identity and SNI; undefined: plaintext (loopback). */
export interface ControlAddress {
  readonly host: string;
  readonly port: number;
  readonly name: string | undefined;
}
