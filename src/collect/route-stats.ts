import type { KubeClient } from "../kube/client.ts";
import type { BackendRow, RouteRow } from "../observe/route-row.ts";
import { StatSum } from "../observe/stat-row.ts";
import type { HttpStatsRow } from "../observe/stats.ts";
import { indexPods, type PodFacts, resourceOfPod } from "../observe/workload.ts";
import { createServiceFinder, peerResource, type ServiceFacts } from "./peer.ts";
import { listPods, listPodsAsWideAsAllowed, podsOf, requireResource } from "./pods.ts";
import type { Selection } from "./selector.ts";
import { labelledNames, listServices, type PeerSelection } from "./stat.ts";
import { type Coverage, collectStats } from "./stats.ts";

export interface RouteStatsQuery {
  readonly selection: Selection;
  /** Of the selected resource. */
  readonly namespace: string;
  readonly windowMs: number;
  /**
   * `inbound`: what came in, as the pods' own proxies saw it. `outbound`: what went out, likewise. `to`: what went to the selected
   * resource, as its clients saw it.
   */
  readonly side: "inbound" | "outbound" | "to";
  /** Only what went to this resource. With `outbound` alone. */
  readonly to?: PeerSelection | undefined;
  readonly labelSelector?: string | undefined;
}

export interface RouteStats {
  /** Sorted by resource, parent and route; without routes that had no request. */
  readonly rows: readonly RouteRow[];
  readonly coverage: Coverage;
  readonly narrowed: boolean;
}

/** Figures by route. @throws MeshError `KUBE_NOT_FOUND`, and as `collectStats` */
export async function collectRouteStats(
  kube: KubeClient,
  query: RouteStatsQuery,
  signal: AbortSignal,
): Promise<RouteStats> {
  const { selection, side } = query;
  const scope = selection.kind.role === "namespace" ? selection.name : query.namespace;
  const isWide = side === "to" || query.to !== undefined;
  const { pods, narrowed } =
    isWide && scope !== undefined
      ? await listPodsAsWideAsAllowed(kube, scope, signal)
      : { pods: await listPods(kube, { namespace: scope, signal }), narrowed: false };
  const own =
    selection.kind.role === "service"
      ? []
      : podsOf(pods, selection).filter((pod) => scope === undefined || pod.namespace === scope);
  if (own.length === 0) await requireResource(kube, selection, query.namespace);
  const asked = side === "to" ? pods : own;
  const labelled = await labelledNames(kube, selection.kind, query);
  const { stats, coverage } = await collectStats(kube, asked, query.windowMs, signal);
  const sums = new Map<string, RouteSum>();
  // Requests that reached no endpoint have only the name or address that was asked for: whose it is, only Services tell.
  const namesService =
    (side === "to" && selection.kind.role === "service") || query.to?.selection.kind.role === "service";
  const services = namesService ? await listServices(kube, undefined, signal) : [];
  const peers: Peers = { index: indexPods(pods), findService: createServiceFinder(services) };
  for (const { pod, reply } of stats) {
    for (const row of reply.http) {
      const name = lineName(pod, row, query, peers);
      if (name === undefined || (labelled && !labelled.has(labelKey(name, query)))) continue;
      const key = [name, wordOf(row.parent), portOf(row.target), wordOf(row.route)].join("\u0000");
      let sum = sums.get(key);
      if (!sum) sums.set(key, (sum = new RouteSum(name, row)));
      sum.add(row, reply.windowMs);
    }
  }
  const rows = [...sums.values()].flatMap((sum) => sum.finish() ?? []).sort(compare);
  return { rows, coverage, narrowed };
}

/** Finds who is at the other end of a row. */
interface Peers {
  readonly index: ReturnType<typeof indexPods>;
  readonly findService: (row: HttpStatsRow) => ServiceFacts | undefined;
}

/** As `labelledNames` has them: namespaces are in none. */
function labelKey(name: string, { selection, namespace }: RouteStatsQuery): string {
  return `${selection.kind.role === "namespace" ? "" : namespace}/${name}`;
}

/** The name of the line that a proxy's row belongs to; undefined when it is not asked for. */
function lineName(
  pod: PodFacts,
  row: HttpStatsRow,
  query: RouteStatsQuery,
  peers: Peers,
): string | undefined {
  const { selection, side, namespace } = query;
  if (row.direction !== (side === "inbound" ? "inbound" : "outbound")) return undefined;
  if (side !== "to") {
    if (query.to && !isPeer(row, query.to.selection, query.to.namespace, peers)) return undefined;
    return resourceOfPod(pod, selection.kind.name)?.name;
  }
  if (!isPeer(row, selection, namespace, peers)) return undefined;
  return selection.kind.role === "service"
    ? peers.findService(row)?.name
    : peerResource(row, selection.kind.name, peers.index)?.name;
}

function isPeer(
  row: HttpStatsRow,
  selection: Selection,
  namespace: string | undefined,
  peers: Peers,
): boolean {
  const peer =
    selection.kind.role === "service"
      ? peers.findService(row)
      : peerResource(row, selection.kind.name, peers.index);
  if (peer?.name === undefined) return false;
  if (selection.name !== undefined && peer.name !== selection.name) return false;
  return selection.kind.role === "namespace" || namespace === undefined || peer.namespace === namespace;
}

/** A route while it is summed, with what went to each of its backends. */
class RouteSum {
  readonly #name: string;
  readonly #first: HttpStatsRow;
  /** Of the first row that reached an endpoint. */
  #peerNamespace: string | undefined;
  readonly #sum = new StatSum();
  readonly #backends = new Map<string, StatSum>();

  constructor(name: string, first: HttpStatsRow) {
    this.#name = name;
    this.#first = first;
  }

  add(row: HttpStatsRow, windowMs: number): void {
    this.#sum.addHttp(row, windowMs);
    const backend = row.peer.labels.service;
    if (row.direction !== "outbound" || backend === undefined) return;
    this.#peerNamespace ??= row.peer.labels.namespace;
    const key = `${backend}\u0000${portOf(row.target)}`;
    let sum = this.#backends.get(key);
    if (!sum) this.#backends.set(key, (sum = new StatSum()));
    sum.addHttp(row, windowMs);
  }

  finish(): RouteRow | undefined {
    const http = this.#sum.http();
    if (!http) return undefined;
    const { parent, route, target } = this.#first;
    const decided = readKey(parent);
    const chosen = readKey(route);
    return {
      name: this.#name,
      parent: decided.kind === "default" ? "[default]" : decided.name,
      parentNamespace: this.#peerNamespace ?? namespaceOf(target),
      port: portOf(target),
      route: chosen.kind === "default" ? "[default]" : chosen.name,
      routeType: chosen.kind === "default" ? "" : chosen.kind,
      http,
      ...this.#sum.attempts(),
      backends: [...this.#backends].flatMap(([key, sum]) => finishBackend(key, sum) ?? []),
    };
  }
}

function finishBackend(key: string, sum: StatSum): BackendRow | undefined {
  const [backend = "", port = ""] = key.split("\u0000");
  const http = sum.http();
  return http && { backend, port, http, timeoutRate: sum.attempts().timeoutRate };
}

/** `group/kind/name`; names may hold slashes. */
function readKey(key: string): { readonly kind: string; readonly name: string } {
  const [, kind = "default", ...rest] = key.split("/");
  return { kind: key === "" ? "default" : kind, name: rest.join("/") };
}

/** What a key says in a table: a proxy has several defaults (`/default/http`, `/default/default`), whose rows read alike. */
function wordOf(key: string): string {
  return readKey(key).kind === "default" ? "" : key;
}

/** The port of `8080` (inbound) or `name:8080` (outbound). */
function portOf(target: string): string {
  return /(\d+)$/.exec(target)?.[1] ?? "";
}

/** The namespace of `name.namespace.svc.cluster.local:8080`; "" of anything else. */
function namespaceOf(target: string): string {
  return /^[^.]+\.([^.]+)\.svc[.:]/.exec(target)?.[1] ?? "";
}

function compare(a: RouteRow, b: RouteRow): number {
  const key = (row: RouteRow): string => [row.name, row.parent, row.port, row.route].join("\u0000");
  return key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0;
}
