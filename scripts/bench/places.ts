/** Ports of the backend, and what it speaks there. */
export const BACKEND_PORTS = {
  http1: 8080,
  http2: 8081,
  grpc: 8082,
  /** Bytes in, counted by a sink. */
  sink: 9000,
  /** Connections that are accepted and answered with a byte. */
  greeter: 9001,
} as const;

/** Ports that proxies must not look into: as `opaque-ports` says of a pod. */
export const OPAQUE_PORTS = [BACKEND_PORTS.sink, BACKEND_PORTS.greeter] as const;

/** The addresses of one pair of proxies. */
export interface Place {
  /** 0, 1, ...: keeps the ports of pairs apart that run at the same time. */
  readonly index: number;
  /** What clients dial: with redirection the Service's address, without it one that the outbound proxy listens on. */
  readonly entryHost: string;
  /** Where the outbound proxy lives, with an address that others see. */
  readonly clientHost: string;
  /** Where the inbound proxy is reached: the server pod's address. */
  readonly serverHost: string;
  /** Where the application listens: the same with redirection, another one without. */
  readonly appHost: string;
  /** The Service's own address. */
  readonly serviceHost: string;
}

/** Where and as whom programs run. */
export interface Network {
  /** `namespaces`: two, with redirection, as in a cluster. `loopback`: explicit capture, nothing redirected. */
  readonly kind: "namespaces" | "loopback";
  /** In words, for the table. */
  readonly description: string;
  place(index: number): Place;
  /** Address that both sides reach the control plane at. */
  readonly controlHost: string;
  /** Command lines for a program on one of the sides. Loads and backends share a core, proxies another. */
  clientCommand(command: readonly string[]): string[];
  serverCommand(command: readonly string[]): string[];
  proxyCommand(side: "client" | "server", command: readonly string[]): string[];
  /** Sends what clients dial at a place to the proxies' ports. Does nothing where nothing is redirected. */
  redirect(place: Place, ports: RedirectPorts): void;
  close(): void;
}

export interface RedirectPorts {
  /** Port of the outbound proxy for a port of the backend. */
  readonly outbound: (port: number) => number;
  /** Port of the inbound proxy for what comes from outside the mesh; undefined: not redirected. */
  readonly inbound: number | undefined;
}
