import type { KubeClient } from "../kube/client.ts";
import { describeNoTls, type EdgeRow } from "../observe/edge.ts";
import type { TcpStatsRow } from "../observe/stats.ts";
import {
  indexPods,
  type PodFacts,
  type PodIndex,
  type ResourceName,
  resourceOfPod,
} from "../observe/workload.ts";
import type { ResourceKind } from "./kinds.ts";
import { peerResource } from "./peer.ts";
import { listPods, listPodsAsWideAsAllowed } from "./pods.ts";
import { type Coverage, collectStats, type PodStats } from "./stats.ts";

export interface EdgesQuery {
  readonly kind: ResourceKind;
  /** An edge counts when either end is in it; undefined: all namespaces. */
  readonly namespace: string | undefined;
  readonly windowMs: number;
}

export interface EdgesResult {
  readonly edges: readonly EdgeRow[];
  readonly coverage: Coverage;
  /** As StatResult.narrowed. */
  readonly narrowed: boolean;
}

/**
 * Connections between resources of a kind, open or opened in the window: what clients' proxies dialled, and what came
 * to servers' proxies from pods that have none, which no client side would show.
 */
export async function collectEdges(
  kube: KubeClient,
  query: EdgesQuery,
  signal?: AbortSignal,
): Promise<EdgesResult> {
  const { pods, narrowed } =
    query.namespace === undefined
      ? { pods: await listPods(kube, { namespace: undefined, signal }), narrowed: false }
      : await listPodsAsWideAsAllowed(kube, query.namespace, signal);
  const { stats, coverage } = await collectStats(kube, pods, query.windowMs, signal);
  const index = indexPods(pods);
  const edges = new Map<string, EdgeRow>();
  for (const one of stats) {
    for (const row of one.reply.tcp) {
      if (row.open === 0 && row.opened === 0) continue;
      const edge = edgeOf(one, row, query.kind.name, index);
      if (!edge || !touches(edge, query.namespace)) continue;
      edges.set(JSON.stringify(edge), edge);
    }
  }
  return { edges: [...edges.values()].sort(compareEdges), coverage, narrowed };
}

function edgeOf(
  { pod, reply }: PodStats,
  row: TcpStatsRow,
  kind: string,
  index: PodIndex,
): EdgeRow | undefined {
  const own = resourceOfPod(pod, kind);
  const peerPod = index.find(row.peer);
  // A pod that talks to itself crosses no network.
  if (!own || (peerPod && isSame(peerPod, pod))) return undefined;
  if (row.direction === "outbound") {
    const peer = peerResource(row, kind, index);
    return peer && toEdge(own, peer, row.tls, reply.identity, row.peer.identity);
  }
  if (!peerPod || peerPod.meshed) return undefined;
  const peer = resourceOfPod(peerPod, kind);
  return peer && toEdge(peer, own, row.tls, row.peer.identity, reply.identity);
}

function toEdge(
  src: ResourceName,
  dst: ResourceName,
  tls: string,
  clientId: string,
  serverId: string,
): EdgeRow {
  const noTlsReason = describeNoTls(tls);
  const secured = noTlsReason === "";
  return {
    src: src.name,
    srcNamespace: src.namespace,
    dst: dst.name,
    dstNamespace: dst.namespace,
    clientId: secured ? clientId : "",
    serverId: secured ? serverId : "",
    noTlsReason,
  };
}

function isSame(a: PodFacts, b: PodFacts): boolean {
  return a.namespace === b.namespace && a.name === b.name;
}

/** Namespaces as resources have none themselves: their own name counts. */
function touches(edge: EdgeRow, namespace: string | undefined): boolean {
  if (namespace === undefined) return true;
  const src = edge.srcNamespace || edge.src;
  const dst = edge.dstNamespace || edge.dst;
  return src === namespace || dst === namespace;
}

function compareEdges(a: EdgeRow, b: EdgeRow): number {
  const key = (edge: EdgeRow): string =>
    [edge.srcNamespace, edge.dstNamespace, edge.src, edge.dst, edge.noTlsReason].join("\u0000");
  return key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0;
}
