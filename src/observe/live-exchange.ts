/** The object behind a policy, with all that metrics say of it. The policies' own objects: they are compared by identity. */
export interface ObjectRef {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly section: string;
  /** 0 when none. */
  readonly port: number;
}

/**
 * One exchange while it lives: the only record of it. Layers of the proxy fill it in as they learn; transitions
 * (`opened`, `responded`, `closed`) hand it to the observers. Times are monotonic milliseconds with fraction, -1 when not reached.
 *
 * Every field has its final type from the start, so that all instances share one shape.
 */
export class LiveExchange {
  id = 0;
  /** Slot in the ring; the ring observer's own. */
  slot = -1;
  /** Row of the windows, once it is known; the windows' own. */
  statsRow: object | undefined = undefined;
  /** Spans of the exchange while they run; the tracer's own. */
  trace: object | undefined = undefined;
  /** Series of the metrics, once they are known; the metrics' own. */
  series: object | undefined = undefined;
  direction: "inbound" | "outbound";
  protocol: "http/1" | "http/2" | "grpc" | "opaque" | "tls";
  /** Wall clock, ms since the epoch. */
  openedAtMs = 0;
  /** Monotonic. */
  opened = -1;
  client = "";
  server = "";
  /** IP of the peer: inbound the client's, outbound the endpoint's. */
  peerIp = "";
  peerIdentity = "";
  tls = "";
  labels: Readonly<Record<string, string>> = NO_LABELS;
  target = "";
  method = "";
  authority = "";
  path = "";
  parent = "";
  route = "";
  /** The same objects whole, for metrics. */
  parentRef: ObjectRef | undefined = undefined;
  routeRef: ObjectRef | undefined = undefined;
  /** Outbound: the backend that the (last) attempt goes to. */
  backendRef: ObjectRef | undefined = undefined;
  /** Whether a response is a failure, where its route has an opinion of its own. Of the route: nothing is made for a request. */
  isFailure: ((status: number, grpcStatus: number) => boolean) | undefined = undefined;
  /** Of a target with a ServiceProfile: its `name:port`. */
  canonicalName = "";
  /** Whether the route is one of gRPC: its statuses are those of gRPC then. */
  isGrpcRoute = false;
  authorization = "";
  verdict: "" | "allowed" | "denied" | "limited" | "audited" = "";
  /** Which of its limits a limited request was over. */
  limitScope: "" | "total" | "identity" = "";
  status = 0;
  grpcStatus = -1;
  error = "";
  /** Code of the MeshError behind `error`, where there was one. */
  errorCode = "";
  /** The proxy answered itself because of `error`: the status is not the application's. */
  isLocalAnswer = false;
  attempts = 0;
  /**
   * How retrying ended: with a response that needed no further attempt, with no attempts left, with no backend that was ready, or with
   * a spent budget. "": nothing was to be retried. Retries are `attempts - 1`.
   */
  retryOutcome: "" | "success" | "limit" | "overflow" | "budget" = "";
  endpointReason = "";
  queued = -1;
  dialled = -1;
  secured = -1;
  responded = -1;
  closed = -1;
  requestBytes = 0;
  responseBytes = 0;
  /** Monotonic: the last byte of a request's body came; -1 while it has not, and for requests without one. */
  requestEnded = -1;
  /** Pieces of the bodies by size, as metrics have it: up to 128, 1024 and 10240 bytes, and larger. */
  requestFrames128 = 0;
  requestFrames1024 = 0;
  requestFrames10240 = 0;
  requestFramesLarger = 0;
  responseFrames128 = 0;
  responseFrames1024 = 0;
  responseFrames10240 = 0;
  responseFramesLarger = 0;
  timedOut = false;
  /** Raw header lists, kept only while a tap with headers listens (`recorder.wantsHeaders`). */
  requestHeaders: readonly (readonly [string, string])[] | undefined = undefined;
  responseHeaders: readonly (readonly [string, string])[] | undefined = undefined;
  responseTrailers: readonly (readonly [string, string])[] | undefined = undefined;

  constructor(direction: "inbound" | "outbound", protocol: LiveExchange["protocol"]) {
    this.direction = direction;
    this.protocol = protocol;
  }

  /** Counts a piece of the request's body. */
  countRequest(bytes: number): void {
    this.requestBytes += bytes;
    if (bytes <= 128) this.requestFrames128++;
    else if (bytes <= 1024) this.requestFrames1024++;
    else if (bytes <= 10_240) this.requestFrames10240++;
    else this.requestFramesLarger++;
  }

  /** Counts a piece of the response's body. */
  countResponse(bytes: number): void {
    this.responseBytes += bytes;
    if (bytes <= 128) this.responseFrames128++;
    else if (bytes <= 1024) this.responseFrames1024++;
    else if (bytes <= 10_240) this.responseFrames10240++;
    else this.responseFramesLarger++;
  }
}

/** One accepted or dialled connection while it lives. Byte counts are added to as bytes pass. */
export class LiveTransport {
  readonly direction: "inbound" | "outbound";
  /** `src`: accepted. `dst`: dialled. */
  readonly peer: "src" | "dst";
  peerIp = "";
  peerIdentity = "";
  tls = "";
  /** Of TLS that is the application's own: the server name of the client's hello. */
  sni = "";
  labels: Readonly<Record<string, string>> = NO_LABELS;
  /** Inbound: the port. Outbound: the target's `name:port`. */
  target = "";
  parent = "";
  authorization = "";
  /** Monotonic. */
  opened = -1;
  readBytes = 0;
  writeBytes = 0;
  /** `ECONNRESET` and the like at the end, or "". */
  errno = "";

  constructor(direction: "inbound" | "outbound", peer: "src" | "dst") {
    this.direction = direction;
    this.peer = peer;
  }
}

/** What an attempt came to that is not the last of its exchange. */
export interface FailedAttempt {
  /** Of HTTP; 0: there was no response. */
  readonly status: number;
  /** -1: none. */
  readonly grpcStatus: number;
  /** Code of the error; "" when there was a response. */
  readonly errorCode: string;
}

/** What is found out about a connection before anything passes: once a connection, so objects are fine here. */
export type ConnectionEvent =
  /** Outbound: how the target's policy wants it served. */
  | {
      readonly kind: "protocol";
      readonly protocol: "http/1" | "http/2" | "detect" | "opaq" | "tls";
      readonly parent: ObjectRef;
    }
  /** The first bytes were looked at. */
  | {
      readonly kind: "detected";
      readonly direction: "inbound" | "outbound";
      /** Inbound: the server of the port. Outbound: the target's parent. */
      readonly parent: ObjectRef;
      /** Inbound: of the pod. */
      readonly port: number;
      readonly result: "http/1" | "http/2" | "not_http" | "read_timeout" | "error";
      readonly tookMs: number;
    }
  /** Inbound: another proxy said what follows. */
  | {
      readonly kind: "transport-header";
      readonly session: "http/1" | "http/2" | undefined;
      readonly port: number;
      readonly name: string;
      readonly clientId: string;
    };

export const NO_LABELS: Readonly<Record<string, string>> = Object.freeze({});

/** Where the proxy reports. Implemented by src/observe/recorder-impl, a fixed list of observers. */
export interface Recorder {
  /** Sets `id` and the times; call once the head of a request (or an opaque connection's route) is known. */
  opened(exchange: LiveExchange): void;
  /** The response head went to the client. */
  responded(exchange: LiveExchange): void;
  /** An attempt is over and another one will be made. Called while the exchange still names the endpoint and backend. */
  retried(exchange: LiveExchange, attempt: FailedAttempt): void;
  /** Sets the time at which the last byte of a request's body came. */
  requestEnded(exchange: LiveExchange): void;
  /** Last byte, reset, or local answer complete. Exactly once. */
  closed(exchange: LiveExchange): void;
  /** What became of an accepted connection. Once for each thing that was found out about it. */
  connection(event: ConnectionEvent): void;
  transportOpened(transport: LiveTransport): void;
  transportClosed(transport: LiveTransport): void;
  /** True while somebody wants header lists on exchanges. */
  readonly wantsHeaders: boolean;
}
