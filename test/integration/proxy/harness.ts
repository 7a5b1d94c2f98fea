import { createServer, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { type Clock, systemClock } from "../../../src/base/clock.ts";
import { tryParseNetwork } from "../../../src/base/ip.ts";
import { silentLogger } from "../../../src/base/log.ts";
import type { Credentials } from "../../../src/identity/credentials.ts";
import type { LiveExchange, LiveTransport, Recorder } from "../../../src/observe/live-exchange.ts";
import type { Endpoint } from "../../../src/policy/endpoint.ts";
import type { Authorization, ServerPolicy } from "../../../src/policy/inbound.ts";
import { defaultMeta } from "../../../src/policy/meta.ts";
import type { OutboundPolicy, OutboundRule } from "../../../src/policy/outbound.ts";
import type { ProxyConfig } from "../../../src/proxy/config.ts";
import type { EndpointSet, ProxyDependencies, Watched } from "../../../src/proxy/dependencies.ts";
import { mergePolicy } from "../../../src/proxy/discovery/merge-policy.ts";
import { createInboundProxy } from "../../../src/proxy/inbound/stack.ts";
import { createOutboundProxy } from "../../../src/proxy/outbound/stack.ts";
import type { ProxySide } from "../../../src/proxy/proxy-side.ts";
import { DEFAULT_H2_SETTINGS } from "../../../src/wire/h2-settings.ts";
import { freePort } from "../../support/free-port.ts";
import { createTestMeshCa } from "../../support/test-mesh-ca.ts";

export const HOST = "127.0.0.1";
export const SERVICE = "web.demo.svc.cluster.local";
export const CLIENT_ID = "client.demo.serviceaccount.identity.meshctl.cluster.local";
export const SERVER_ID = "web.demo.serviceaccount.identity.meshctl.cluster.local";

/** A value that the test changes. */
export class Changing<T> implements Watched<T> {
  current: T;
  readonly #listeners = new Set<(value: T) => void>();
  holders = 0;

  constructor(value: T) {
    this.current = value;
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }

  set(value: T): void {
    this.current = value;
    for (const listener of [...this.#listeners]) listener(value);
  }

  onChange(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  hold(): this {
    this.holders++;
    return this;
  }

  release(): void {
    this.holders--;
  }
}

/** Keeps what a proxy reports, and lets a test wait for it. */
export class MemoryRecorder implements Recorder {
  readonly exchanges: LiveExchange[] = [];
  readonly transports: LiveTransport[] = [];
  readonly #openTransports = new Set<LiveTransport>();
  readonly #onAllClosed: (() => void)[] = [];
  readonly wantsHeaders = false;
  readonly #opened = new Set<LiveExchange>();
  readonly #waiting: { count: number; resolve: () => void }[] = [];
  readonly violations: string[] = [];

  opened(exchange: LiveExchange): void {
    if (this.#opened.has(exchange)) this.violations.push("opened twice");
    this.#opened.add(exchange);
  }

  responded(exchange: LiveExchange): void {
    if (!this.#opened.has(exchange)) this.violations.push("responded before it opened");
    if (exchange.responded >= 0) this.violations.push("responded twice");
    exchange.responded = systemClock.monotonic();
  }

  connection(): void {}

  retried(): void {}

  requestEnded(exchange: LiveExchange): void {
    if (exchange.requestEnded < 0) exchange.requestEnded = systemClock.monotonic();
  }

  closed(exchange: LiveExchange): void {
    if (!this.#opened.delete(exchange)) this.violations.push("closed without being open");
    exchange.closed = systemClock.monotonic();
    this.exchanges.push(exchange);
    for (const { count, resolve } of this.#waiting) if (this.exchanges.length >= count) resolve();
  }

  transportOpened(transport: LiveTransport): void {
    this.transports.push(transport);
    this.#openTransports.add(transport);
  }

  transportClosed(transport: LiveTransport): void {
    if (!this.#openTransports.delete(transport)) this.violations.push("transport closed without being open");
    if (this.#openTransports.size === 0) for (const resolve of this.#onAllClosed.splice(0)) resolve();
  }

  get openTransports(): number {
    return this.#openTransports.size;
  }

  get openExchanges(): number {
    return this.#opened.size;
  }

  /** Destroyed sockets close a turn later. */
  async allTransportsClosed(): Promise<void> {
    if (this.#openTransports.size === 0) return;
    await new Promise<void>((resolve) => this.#onAllClosed.push(resolve));
  }

  /** Resolves with the records once that many exchanges have closed. */
  async closedCount(count: number): Promise<readonly LiveExchange[]> {
    if (this.exchanges.length < count) {
      await new Promise<void>((resolve) => this.#waiting.push({ count, resolve }));
    }
    return this.exchanges;
  }
}

/** A TCP server for the test's length. */
export async function listenRaw(t: TestContext, onConnection: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as { port: number }).port;
}

export const EVERYWHERE = [tryParseNetwork("0.0.0.0/0")!].map((network) => ({ network, except: [] }));

export function anyone(): Authorization {
  return {
    meta: defaultMeta("all-unauthenticated"),
    networks: EVERYWHERE,
    authentication: { kind: "unauthenticated" },
  };
}

export function onlyIdentity(name: string): Authorization {
  return {
    meta: defaultMeta("only"),
    networks: EVERYWHERE,
    authentication: { kind: "identities", identities: new Set([name]), suffixes: [] },
  };
}

export function serverPolicy(change: Partial<ServerPolicy> = {}): ServerPolicy {
  return {
    meta: defaultMeta("all-unauthenticated"),
    protocol: { kind: "detect", timeoutMs: 10_000 },
    authorizations: [anyone()],
    routes: [],
    rateLimit: undefined,
    audit: false,
    ...change,
  };
}

export function rule(path: string, change: Partial<OutboundRule> = {}): OutboundRule {
  return {
    matches: [],
    filters: [],
    backends: {
      kind: "first-available",
      backends: [
        {
          weight: 1,
          filters: [],
          backend: {
            meta: defaultMeta("backend"),
            target: { kind: "balance", path, defaultRttMs: 30, decayMs: 10_000, penaltyMs: undefined },
          },
        },
      ],
    },
    timeouts: { requestMs: undefined, responseMs: undefined, idleMs: undefined },
    retry: undefined,
    ...change,
  };
}

export function outboundPolicy(path: string, change: Partial<OutboundPolicy> = {}): OutboundPolicy {
  const only = rule(path);
  return {
    meta: { group: "core", kind: "Service", namespace: "demo", name: "web", section: "", port: 80 },
    protocol: "detect",
    httpRoutes: [{ meta: defaultMeta("http"), hosts: [], rules: [only] }],
    opaqueRoutes: [{ meta: defaultMeta("opaque"), backends: only.backends, refused: undefined }],
    failureAccrual: undefined,
    ...change,
  };
}

export function endpoint(port: number, change: Partial<Endpoint> = {}): Endpoint {
  return {
    address: `${HOST}:${port}`,
    ip: HOST,
    port,
    weight: 1,
    labels: { pod: "web-1" },
    tls: undefined,
    protocolHint: undefined,
    opaqueTransportPort: undefined,
    authorityOverride: undefined,
    ...change,
  };
}

export interface MeshOptions {
  /** Where the application of the server's pod listens. */
  readonly appPort: number;
  /** False: the endpoint has no identity, and is the application's own port. Default true. */
  readonly isMeshed?: boolean;
  /** Hint of the endpoint: HTTP/1 is carried over HTTP/2 with `h2`. Default none. */
  readonly protocolHint?: Endpoint["protocolHint"];
  readonly serverPolicy?: Partial<ServerPolicy>;
  readonly outboundPolicy?: Partial<OutboundPolicy>;
  /** Identity that discovery claims for the server. */
  readonly expectedIdentity?: string;
  /** The server's proxy is a gateway: for every name, to this endpoint. Discovery gives the client's proxy `authorityOverride`. */
  readonly gateway?: { readonly to: Endpoint; readonly authorityOverride: string };
  /** Addresses of the proxies' own hosts; by default none, so that policies bind the test's clients. */
  readonly ownNetworks?: readonly string[];
  readonly clock?: Clock;
  /** Default `Math.random`. */
  readonly random?: () => number;
  readonly config?: {
    readonly inbound?: Partial<ProxyConfig["inbound"]>;
    readonly outbound?: Partial<ProxyConfig["outbound"]>;
  };
}

/** Two pods: a client's outbound proxy and a server's inbound proxy, joined by mesh TLS, with fakes for the control plane. */
export interface Mesh {
  /** The service's own listener on the client's side. */
  readonly servicePort: number;
  /** The HTTP proxy port on the client's side. */
  readonly httpProxyPort: number;
  /** The application's port as it is seen from outside the server's pod. */
  readonly podPort: number;
  readonly directPort: number;
  readonly client: MemoryRecorder;
  readonly server: MemoryRecorder;
  readonly serverPolicy: Changing<ServerPolicy>;
  readonly outboundPolicy: Changing<OutboundPolicy>;
  readonly endpoints: Changing<EndpointSet>;
  readonly outbound: ProxySide;
  readonly inbound: ProxySide;
  readonly credentials: { readonly client: Credentials; readonly server: Credentials };
}

export async function createMesh(t: TestContext, options: MeshOptions): Promise<Mesh> {
  const ca = await createTestMeshCa();
  const credentials = { client: await ca.credentials(CLIENT_ID), server: await ca.credentials(SERVER_ID) };
  // A port is free again as soon as it was drawn, and may be drawn twice.
  const ports = new Set<number>();
  while (ports.size < 4) ports.add(await freePort());
  const [servicePort, httpProxyPort, podPort, directPort] = [...ports] as [number, number, number, number];
  const isMeshed = options.isMeshed ?? true;
  const server = isMeshed
    ? endpoint(podPort, {
        tls: { identity: options.expectedIdentity ?? SERVER_ID, serverName: SERVER_ID },
        opaqueTransportPort: directPort,
        protocolHint: options.protocolHint,
        authorityOverride: options.gateway?.authorityOverride,
      })
    : endpoint(options.appPort);
  const path = `${SERVICE}:80`;
  const mesh = {
    servicePort,
    httpProxyPort,
    podPort,
    directPort,
    client: new MemoryRecorder(),
    server: new MemoryRecorder(),
    serverPolicy: new Changing(serverPolicy(options.serverPolicy)),
    outboundPolicy: new Changing(outboundPolicy(path, options.outboundPolicy)),
    endpoints: new Changing<EndpointSet>({
      known: true,
      exists: true,
      endpoints: new Map([[server.address, server]]),
    }),
    credentials,
  };
  const config = createConfig(mesh, options);
  const shared = {
    config,
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
    log: silentLogger,
    inboundPolicies: { watch: () => mesh.serverPolicy.hold() },
    discovery: {
      target: async () => mesh.outboundPolicy.hold(),
      endpoints: () => mesh.endpoints.hold(),
    },
  };
  const clientDeps: ProxyDependencies = { ...shared, recorder: mesh.client, credentials: credentials.client };
  const serverDeps: ProxyDependencies = { ...shared, recorder: mesh.server, credentials: credentials.server };
  const outbound = createOutboundProxy(clientDeps);
  const gateway = options.gateway && createGateway(serverDeps, options.gateway.to);
  if (gateway) t.after(() => gateway.close());
  const inbound = createInboundProxy(gateway ? { ...serverDeps, gateway: gateway.gateway } : serverDeps);
  // Before they bind: a port that somebody has taken must not leave the other side open.
  t.after(() => {
    outbound.close();
    inbound.close();
  });
  for (const side of [inbound, outbound]) {
    await side.bind();
    side.start();
  }
  return { ...mesh, outbound, inbound };
}

/** The outbound side of a gateway, which knows every name under `svc.cluster.local`. */
function createGateway(deps: ProxyDependencies, to: Endpoint): ReturnType<typeof createOutboundProxy> {
  return createOutboundProxy({
    ...deps,
    discovery: {
      async target(target) {
        const name = target.kind === "authority" ? target.name : target.ip;
        const isKnown = name.endsWith(".svc.cluster.local");
        const named = { kind: "authority", name, serviceName: name, port: target.port } as const;
        const unknown = mergePolicy({ target: named, profile: undefined, policy: undefined, addresses: [] });
        return new Changing(isKnown ? outboundPolicy(name) : unknown).hold();
      },
      endpoints: () =>
        new Changing<EndpointSet>({
          known: true,
          exists: true,
          endpoints: new Map([[to.address, to]]),
        }).hold(),
    },
  });
}

const NO_TUNING = { keepAliveMs: undefined, userTimeoutMs: undefined };
const KERNEL_DEFAULTS = { accept: NO_TUNING, connect: NO_TUNING, backlog: undefined };

export function createConfig(
  ports: { servicePort: number; httpProxyPort: number; podPort: number; directPort: number },
  options: MeshOptions,
): ProxyConfig {
  return {
    cores: { min: 1, max: undefined, maxRatio: undefined },
    logLevel: "off",
    logFormat: "plain",
    accessLog: "off",
    capture: "explicit",
    ownNetworks: (options.ownNetworks ?? []).map((text) => tryParseNetwork(text)!),
    http2Client: DEFAULT_H2_SETTINGS,
    metricsRetainIdleMs: 600_000,
    observe: { inboundAuthorityLabels: false, hostnameLabels: false, tap: undefined, tracing: undefined },
    inbound: {
      listen: { host: HOST, port: ports.directPort },
      listeners: [
        { listen: { host: HOST, port: ports.podPort }, target: { host: HOST, port: options.appPort } },
      ],
      appHost: HOST,
      ips: undefined,
      ports: [],
      gatewaySuffixes: [],
      opaquePorts: new Set(),
      defaultPolicy: "all-unauthenticated",
      connectTimeoutMs: 1000,
      detectTimeoutMs: 10_000,
      discoveryIdleTimeoutMs: 90_000,
      poolIdleTimeoutMs: 3000,
      maxIdleConnections: 100,
      maxInFlight: 100_000,
      maxConnections: undefined,
      queueCapacity: 10_000,
      failfastTimeoutMs: 1000,
      sockets: KERNEL_DEFAULTS,
      http2: { settings: DEFAULT_H2_SETTINGS, keepAlive: undefined },
      ...options.config?.inbound,
    },
    outbound: {
      listen: [{ host: HOST, port: ports.httpProxyPort }],
      services: [{ listen: { host: HOST, port: ports.servicePort }, name: SERVICE, port: 80 }],
      sourceHost: undefined,
      connectTimeoutMs: 5000,
      detectTimeoutMs: 10_000,
      discoveryIdleTimeoutMs: 5000,
      queueCapacity: 10_000,
      failfastTimeoutMs: 300,
      poolIdleTimeoutMs: 3000,
      maxIdleConnections: 100,
      maxInFlight: 100_000,
      maxConnections: undefined,
      disableInformationalHeaders: false,
      ingressMode: false,
      tcpQueueCapacity: 10_000,
      tcpFailfastTimeoutMs: 300,
      sockets: KERNEL_DEFAULTS,
      http2: { settings: DEFAULT_H2_SETTINGS, keepAlive: undefined },
      ...options.config?.outbound,
    },
    admin: { listen: { host: HOST, port: 0 }, shutdownEnabled: false },
    shutdownGracePeriodMs: 1000,
    identity: {
      localName: "",
      serverName: "",
      spire: undefined,
      trustAnchorsPem: "",
      trustAnchorsFile: undefined,
      tokenFile: "",
      server: { host: HOST, port: 1, name: undefined },
      minRefreshMs: 1,
      maxRefreshMs: 1,
    },
    destination: {
      server: { host: HOST, port: 1, name: undefined },
      context: "",
      profileNetworks: [],
      profileSuffixes: [],
    },
    policy: { server: { host: HOST, port: 1, name: undefined }, workload: "", clusterNetworks: [] },
    controlStream: { initialTimeoutMs: undefined, idleTimeoutMs: undefined, lifetimeMs: undefined },
    dnsTtl: { minMs: undefined, maxMs: undefined },
    dnsServers: [],
  };
}
