import { trySplitHostPort } from "../base/ip.ts";
import type { Exchange, TapLine } from "../observe/exchange.ts";
import { grpcStatusName } from "../observe/grpc-status.ts";
import type { PodFacts, PodIndex } from "../observe/workload.ts";
import { evaluateJsonPath } from "./jsonpath.ts";

/** A transition and the pod whose proxy saw it. */
export interface TapEventView {
  readonly podIndex: number;
  readonly pod: PodFacts;
  readonly line: TapLine;
}

export type TapFormat =
  | { readonly kind: "default" | "wide" | "json" }
  | { readonly kind: "jsonpath"; readonly path: string };

/**
 * Turns transitions into lines of `tap`: `req`, `rsp` and `end` for each HTTP request.
 *
 * The endpoint of an outbound request is known only once it was chosen, so its `req` line waits for the next transition,
 * as it does upstream. Opaque connections have no lines.
 */
export class TapPrinter {
  readonly #format: TapFormat;
  readonly #index: PodIndex;
  readonly #options: TapPrinterOptions;
  /** Requests whose `req` line waits, by pod and id. Bounded: the oldest is printed as it is when there are more. */
  readonly #waiting = new Map<string, TapEventView>();

  constructor(format: TapFormat, index: PodIndex, options: TapPrinterOptions = {}) {
    this.#format = format;
    this.#index = index;
    this.#options = options;
  }

  /** Text for one event: none, or lines with their line ends. */
  print(event: TapEventView): string {
    const { exchange } = event.line;
    if (exchange.protocol === "opaque" || exchange.protocol === "tls") return "";
    const key = `${event.podIndex}:${exchange.id}`;
    if (event.line.event === "opened") {
      if (exchange.direction === "inbound" || exchange.server !== "") return this.#line(event);
      this.#waiting.set(key, event);
      return this.#waiting.size > WAITING_MAX ? this.#release(this.#waiting.keys().next().value!) : "";
    }
    const waiting = this.#waiting.get(key);
    let request = "";
    if (waiting) {
      this.#waiting.delete(key);
      // Its headers, with what is known of it by now.
      request = this.#line({ ...event, line: { ...waiting.line, exchange } });
    }
    return request + this.#line(event);
  }

  #release(key: string): string {
    const event = this.#waiting.get(key)!;
    this.#waiting.delete(key);
    return this.#line(event);
  }

  #line(event: TapEventView): string {
    switch (this.#format.kind) {
      case "default":
      case "wide": {
        const line = formatTapLine(event);
        const text = this.#options.colors ? colourTapLine(line, event.line.exchange) : line;
        const labels = this.#format.kind === "wide" ? formatLabels(event, this.#index) : "";
        return `${text}${labels}\n${formatHeaders(event.line)}`;
      }
      case "json":
        return `${JSON.stringify(tapJson(event, this.#index), undefined, 2)}\n`;
      case "jsonpath": {
        // Transitions that lack the field leave no blank lines between those that have it.
        const found = evaluateJsonPath(this.#format.path, tapJson(event, this.#index));
        return found === undefined ? "" : `${found}\n`;
      }
    }
  }
}

const WAITING_MAX = 10_000;

export interface TapPrinterOptions {
  /** Failures stand out. */
  readonly colors?: boolean;
}

/** Headers below their line, if they were asked for: proxies send none otherwise, and mask credentials. */
function formatHeaders({ headers }: TapLine): string {
  return (headers ?? []).map(([name, value]) => `    ${name}: ${value}\n`).join("");
}

const RED = 31;
const YELLOW = 33;

/** A status of the server's fault in red, of the client's in yellow; what the proxy answered itself in red. */
function colourTapLine(line: string, { status, error }: Exchange): string {
  const paint = (color: number) => (text: string) => `\u001b[${color}m${text}\u001b[39m`;
  if (line.startsWith("end ") && error !== "") return line.replace(/ error=.*$/, paint(RED));
  if (!line.startsWith("rsp ") || status < 400) return line;
  return line.replace(/:status=\d+/, paint(status >= 500 ? RED : YELLOW));
}

/** One line of `tap`, without its end. */
export function formatTapLine({ podIndex, line }: Pick<TapEventView, "podIndex" | "line">): string {
  const { exchange } = line;
  const direction = exchange.direction === "inbound" ? "in " : "out";
  const flow = `id=${podIndex}:${exchange.id} proxy=${direction} src=${exchange.client} dst=${exchange.server} tls=${exchange.tls}`;
  switch (line.event) {
    case "opened":
      return `req ${flow} :method=${exchange.method} :authority=${exchange.authority} :path=${exchange.path}`;
    case "responded":
      return `rsp ${flow} :status=${exchange.status} latency=${Math.max(0, exchange.responseUs)}µs`;
    case "closed": {
      const grpc = exchange.grpcStatus >= 0 ? ` grpc-status=${grpcStatusName(exchange.grpcStatus)}` : "";
      // Ours: why the proxy answered itself or cut the exchange. Upstream has the number of an HTTP/2 reset here.
      const error = exchange.error === "" ? "" : ` error=${JSON.stringify(exchange.error)}`;
      return `end ${flow}${grpc} duration=${durationUs(exchange)}µs response-length=${exchange.responseBytes}B${error}`;
    }
  }
}

/** Since the response started; since the request when none did. */
function durationUs(exchange: Exchange): number {
  return Math.max(0, exchange.closedUs - Math.max(0, exchange.responseUs));
}

type Metadata = Readonly<Record<string, string>>;

function formatLabels(event: TapEventView, index: PodIndex): string {
  const { source, destination } = endpoints(event, index);
  const list = (prefix: string, metadata: Metadata): string =>
    Object.keys(metadata)
      .sort()
      .map((name) => ` ${prefix}_${name}=${metadata[name]}`)
      .join("");
  const route = routeMetadata(event.line.exchange);
  return list("src", source) + list("dst", destination) + list("rt", route);
}

/** Labels of both ends: of the proxy's own pod, and of its peer. */
function endpoints(event: TapEventView, index: PodIndex): { source: Metadata; destination: Metadata } {
  const { exchange } = event.line;
  const own = podMetadata(event.pod);
  const peerAddress = exchange.direction === "inbound" ? exchange.client : exchange.server;
  const peerPod = index.find({ ip: trySplitHostPort(peerAddress)?.host ?? "", labels: exchange.labels });
  const tls: Record<string, string> = exchange.tls === "" ? {} : { tls: exchange.tls };
  const peer = { ...(peerPod ? podMetadata(peerPod) : {}), ...exchange.labels, ...tls };
  if (exchange.direction === "inbound") {
    if (exchange.tls === "true") peer.client_id = exchange.peerIdentity;
    return { source: peer, destination: { ...own, tls: "loopback", ...metaLabels("srv", exchange.parent) } };
  }
  if (exchange.tls === "true") peer.server_id = exchange.peerIdentity;
  return { source: { ...own, tls: "loopback" }, destination: peer };
}

function podMetadata(pod: PodFacts): Record<string, string> {
  const owners = Object.entries(pod.owners).map(([kind, name]) => [kind === "job" ? "k8s_job" : kind, name]);
  const hash = pod.labels["pod-template-hash"];
  const plane = pod.labels["meshctl.io/control-plane-ns"];
  return {
    ...Object.fromEntries(owners),
    namespace: pod.namespace,
    pod: pod.name,
    serviceaccount: pod.serviceAccount,
    ...(hash === undefined ? {} : { pod_template_hash: hash }),
    ...(plane === undefined ? {} : { control_plane_ns: plane }),
  };
}

function routeMetadata(exchange: Exchange): Metadata {
  return exchange.route === "" ? {} : { route: exchange.route };
}

function metaLabels(prefix: string, meta: string): Metadata {
  if (meta === "") return {};
  const [group = "", kind = "", ...name] = meta.split("/");
  return { [`${prefix}_group`]: group, [`${prefix}_kind`]: kind, [`${prefix}_name`]: name.join("/") };
}

/** One transition in the shape of upstream's `tap -o json`. */
export function tapJson(event: TapEventView, index: PodIndex): object {
  const { line, podIndex } = event;
  const { exchange } = line;
  const { source, destination } = endpoints(event, index);
  const id = { base: podIndex, stream: exchange.id };
  const headers = (line.headers ?? []).map(([name, value]) => ({ name, valueStr: value }));
  const head = {
    source: { ...addressJson(exchange.client), metadata: source },
    destination: { ...addressJson(exchange.server), metadata: destination },
    routeMeta: routeMetadata(exchange),
    proxyDirection: exchange.direction === "inbound" ? "INBOUND" : "OUTBOUND",
  };
  switch (line.event) {
    case "opened":
      return {
        ...head,
        requestInitEvent: {
          id,
          method: exchange.method,
          scheme: "http",
          authority: exchange.authority,
          path: exchange.path,
          headers,
        },
      };
    case "responded":
      return {
        ...head,
        responseInitEvent: {
          id,
          sinceRequestInit: durationJson(exchange.responseUs),
          httpStatus: exchange.status,
          headers,
        },
      };
    case "closed":
      return {
        ...head,
        responseEndEvent: {
          id,
          sinceRequestInit: durationJson(exchange.closedUs),
          sinceResponseInit: durationJson(durationUs(exchange)),
          responseBytes: exchange.responseBytes,
          trailers: [],
          grpcStatusCode: Math.max(0, exchange.grpcStatus),
          ...(exchange.error === "" ? {} : { error: exchange.error }),
        },
      };
  }
}

function addressJson(address: string): { readonly ip: string; readonly port: number } {
  const split = trySplitHostPort(address);
  return { ip: split?.host ?? "", port: split?.port ?? 0 };
}

/** As protobuf's JSON of upstream has it: zero parts are left out. */
function durationJson(us: number): { readonly seconds?: number; readonly nanos?: number } {
  const whole = Math.max(0, us);
  const seconds = Math.floor(whole / 1_000_000);
  const nanos = (whole % 1_000_000) * 1000;
  return { ...(seconds > 0 ? { seconds } : {}), ...(nanos > 0 ? { nanos } : {}) };
}
