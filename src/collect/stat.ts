import type { KubeObject } from "../base/kube-object.ts";
import type { KubeClient, KubeList } from "../kube/client.ts";
import { type StatRow, StatSum } from "../observe/stat-row.ts";
import type { StatsKey } from "../observe/stats.ts";
import { indexPods, type PodFacts, type ResourceName, resourceOfPod } from "../observe/workload.ts";
import { KINDS, type ResourceKind } from "./kinds.ts";
import { createServiceFinder, peerResource, type ServiceFacts } from "./peer.ts";
import { listPods, listPodsAsWideAsAllowed, requireResource, scoped } from "./pods.ts";
import type { Selection } from "./selector.ts";
import { policyRows } from "./stat-policy.ts";
import { type Coverage, collectStats, type PodStats } from "./stats.ts";

export interface StatQuery {
  readonly selections: readonly Selection[];
  /** Undefined: all namespaces. */
  readonly namespace: string | undefined;
  readonly windowMs: number;
  /** Only traffic from the selected resources to this one, as they see it. */
  readonly to?: PeerSelection | undefined;
  /** Only traffic from this one to the selected resources, as it sees it. */
  readonly from?: PeerSelection | undefined;
  /** Labels that the selected resources must have. */
  readonly labelSelector?: string | undefined;
  /** Show resources none of whose pods is meshed. */
  readonly unmeshed: boolean;
}

export interface PeerSelection {
  readonly selection: Selection;
  /** Undefined: any namespace. */
  readonly namespace: string | undefined;
}

/** The rows of one kind. */
export interface StatTable {
  readonly kind: ResourceKind;
  readonly rows: readonly StatRow[];
}

export interface StatResult {
  /** In the order of their kinds; kinds without rows are left out. */
  readonly tables: readonly StatTable[];
  readonly coverage: Coverage;
  /** True when the user may list pods of one namespace only, so that clients elsewhere are missing. */
  readonly narrowed: boolean;
}

/**
 * Golden metrics of resources: selection -> pods -> one question to each proxy -> sums.
 *
 *   plain     inbound rows of the selected pods
 *   --to      outbound rows of the selected pods, whose peer is the resource
 *   --from    outbound rows of the resource's pods, whose peer is selected
 *   policies  inbound rows that the object decided about, of the pods of its namespace
 *   services  outbound rows of every client, because a Service has no proxy of its own
 */
export async function collectStat(
  kube: KubeClient,
  query: StatQuery,
  signal?: AbortSignal,
): Promise<StatResult> {
  const facts = await gather(kube, query, signal);
  const tables: StatTable[] = [];
  for (const kind of KINDS) {
    const selections = query.selections.filter((selection) => selection.kind === kind);
    if (selections.length === 0) continue;
    const rows =
      kind.role === "policy"
        ? await policyRows(kube, kind, selections, query, facts.stats)
        : await rowsOfKind(kube, kind, selections, query, facts);
    if (rows.length > 0) tables.push({ kind, rows });
  }
  return { tables, coverage: facts.coverage, narrowed: facts.narrowed };
}

interface Facts {
  /** Pods that rows' peers are looked up in; the selected ones among them. */
  readonly pods: readonly PodFacts[];
  readonly services: readonly ServiceFacts[];
  readonly stats: readonly PodStats[];
  readonly coverage: Coverage;
  readonly narrowed: boolean;
}

async function gather(kube: KubeClient, query: StatQuery, signal: AbortSignal | undefined): Promise<Facts> {
  const namesService = query.selections.some(({ kind }) => kind.role === "service");
  const clientSide = namesService || query.to !== undefined || query.from !== undefined;
  const wide = clientSide || query.selections.some(({ kind }) => kind.role === "namespace");
  const scope = query.namespace;
  const { pods, narrowed } =
    wide && scope !== undefined
      ? await listPodsAsWideAsAllowed(kube, scope, signal)
      : { pods: await listPods(kube, { namespace: scope, signal }), narrowed: false };
  const services =
    namesService || query.to?.selection.kind.role === "service"
      ? await listServices(kube, undefined, signal)
      : [];

  await requirePeer(kube, query, pods, services);
  const asked = pods.filter((pod) => isAsked(pod, query, namesService));
  const { stats, coverage } = await collectStats(kube, asked, query.windowMs, signal);
  return { pods, services, stats, coverage, narrowed };
}

/** Makes sure that what --to or --from names exists: a mistyped name would look like a lack of traffic. */
async function requirePeer(
  kube: KubeClient,
  query: StatQuery,
  pods: readonly PodFacts[],
  services: readonly ServiceFacts[],
): Promise<void> {
  const peer = query.to ?? query.from;
  if (!peer || peer.selection.name === undefined) return;
  const { selection, namespace } = peer;
  if (selection.kind.role === "namespace") {
    if (!pods.some((pod) => pod.namespace === selection.name)) await requireResource(kube, selection, "");
    return;
  }
  // Names in any namespace are looked for among what runs.
  if (namespace === undefined) return;
  const found =
    selection.kind.role === "service"
      ? services.some((service) => service.namespace === namespace && service.name === selection.name)
      : pods.some((pod) => isSelected(pod, selection, namespace));
  if (!found) await requireResource(kube, selection, namespace);
}

/** Whether a pod's own view is needed. */
function isAsked(pod: PodFacts, query: StatQuery, namesService: boolean): boolean {
  if (query.from) return isSelected(pod, query.from.selection, query.from.namespace);
  if (namesService || query.selections.some(({ kind }) => kind.role === "policy")) return true;
  return query.selections.some((selection) => isSelected(pod, selection, query.namespace));
}

function isSelected(pod: PodFacts, selection: Selection, namespace: string | undefined): boolean {
  const resource = resourceOfPod(pod, selection.kind.name);
  return resource !== undefined && isNamed(resource, [selection], namespace);
}

function isNamed(
  resource: ResourceName,
  selections: readonly Selection[],
  namespace: string | undefined,
): boolean {
  if (resource.kind !== "namespace" && namespace !== undefined && resource.namespace !== namespace)
    return false;
  return selections.some(({ name }) => name === undefined || name === resource.name);
}

/** A row while it is summed. */
interface Building {
  readonly resource: ResourceName;
  readonly sum: StatSum;
  meshed: number;
  total: number;
  status: string | undefined;
}

async function rowsOfKind(
  kube: KubeClient,
  kind: ResourceKind,
  selections: readonly Selection[],
  query: StatQuery,
  facts: Facts,
): Promise<readonly StatRow[]> {
  const building = new Map<string, Building>();
  const at = (resource: ResourceName): Building => {
    const key = `${resource.namespace}/${resource.name}`;
    let row = building.get(key);
    if (!row) {
      row = { resource, sum: new StatSum(), meshed: 0, total: 0, status: undefined };
      building.set(key, row);
    }
    return row;
  };
  const allowed = await labelledNames(kube, kind, query);
  const isWanted = (resource: ResourceName): boolean =>
    isNamed(resource, selections, query.namespace) &&
    (allowed === undefined || allowed.has(`${resource.namespace}/${resource.name}`));

  if (kind.role === "service") {
    for (const { namespace, name } of facts.services) {
      const resource = { kind: kind.name, namespace, name };
      if (isWanted(resource)) at(resource);
    }
  }
  for (const pod of facts.pods) {
    const resource = resourceOfPod(pod, kind.name);
    if (!resource || !isWanted(resource)) continue;
    const row = at(resource);
    row.total++;
    if (pod.meshed) row.meshed++;
    if (kind.role === "pod") row.status = pod.status;
  }
  for (const selection of selections) {
    if (selection.name === undefined) continue;
    const found = [...building.values()].some(({ resource }) => resource.name === selection.name);
    // A name without pods is either a mistake, which this reports, or scaled to nothing.
    if (!found && query.namespace !== undefined) await requireResource(kube, selection, query.namespace);
  }

  sumInto(kind, query, facts, isWanted, at);
  return [...building.values()]
    .filter((row) => kind.role === "service" || row.meshed > 0 || query.unmeshed || query.from !== undefined)
    .map((row) => finish(row, kind))
    .sort((a, b) => compare(`${a.namespace}/${a.name}`, `${b.namespace}/${b.name}`));
}

function sumInto(
  kind: ResourceKind,
  query: StatQuery,
  facts: Facts,
  isWanted: (resource: ResourceName) => boolean,
  at: (resource: ResourceName) => Building,
): void {
  const index = indexPods(facts.pods);
  const findService = createServiceFinder(facts.services);
  /** The resource whose line a proxy's row belongs to, or undefined when it is not asked for. */
  const lineOf = (pod: PodFacts, row: StatsKey): ResourceName | undefined => {
    if (kind.role === "service") {
      if (row.direction !== "outbound") return undefined;
      const service = findService(row);
      return service && { kind: kind.name, namespace: service.namespace, name: service.name };
    }
    if (query.from) return row.direction === "outbound" ? peerResource(row, kind.name, index) : undefined;
    if (!query.to) return row.direction === "inbound" ? resourceOfPod(pod, kind.name) : undefined;
    if (row.direction !== "outbound") return undefined;
    const { selection, namespace } = query.to;
    const service = selection.kind.role === "service" ? findService(row) : undefined;
    const peer = service
      ? { kind: "service", namespace: service.namespace, name: service.name }
      : peerResource(row, selection.kind.name, index);
    return peer && isNamed(peer, [selection], namespace) ? resourceOfPod(pod, kind.name) : undefined;
  };
  for (const { pod, reply } of facts.stats) {
    for (const row of reply.http) {
      const resource = lineOf(pod, row);
      if (resource && isWanted(resource)) at(resource).sum.addHttp(row, reply.windowMs);
    }
    for (const row of reply.tcp) {
      const resource = lineOf(pod, row);
      if (resource && isWanted(resource)) at(resource).sum.addTcp(row, reply.windowMs);
    }
  }
}

function finish(row: Building, kind: ResourceKind): StatRow {
  return {
    ...row.resource,
    meshed: kind.role === "service" ? undefined : { count: row.meshed, total: row.total },
    status: row.status,
    http: row.sum.http(),
    tcp: row.sum.tcp(),
  };
}

/** `namespace/name` of the resources that have the labels asked for; undefined when none were. */
export async function labelledNames(
  kube: KubeClient,
  kind: ResourceKind,
  query: Pick<StatQuery, "labelSelector" | "namespace">,
): Promise<ReadonlySet<string> | undefined> {
  if (query.labelSelector === undefined) return undefined;
  const scope = kind.role === "namespace" ? undefined : query.namespace;
  const list = await kube.request<KubeList>("GET", scoped(kind.api, scope, kind.plural), {
    query: { labelSelector: query.labelSelector },
  });
  return new Set(list.items.map(({ metadata }) => `${metadata.namespace ?? ""}/${metadata.name}`));
}

/** Services as clients name them; of all namespaces without one. */
export async function listServices(
  kube: KubeClient,
  namespace: string | undefined,
  signal: AbortSignal | undefined,
): Promise<readonly ServiceFacts[]> {
  const list = await kube.request<KubeList>("GET", scoped("/api/v1", namespace, "services"), {
    ...(signal ? { signal } : {}),
  });
  return list.items.map(readService);
}

function readService(service: KubeObject): ServiceFacts {
  const ips: string[] = service.spec?.clusterIPs ?? (service.spec?.clusterIP ? [service.spec.clusterIP] : []);
  return {
    namespace: service.metadata.namespace ?? "",
    name: service.metadata.name ?? "",
    clusterIps: ips.filter((ip) => ip !== "None"),
  };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
