import type { KubeObject } from "../base/kube-object.ts";
import type { KubeClient, KubeList } from "../kube/client.ts";
import { type StatRow, StatSum } from "../observe/stat-row.ts";
import type { StatsKey } from "../observe/stats.ts";
import type { ResourceKind } from "./kinds.ts";
import { requireResource, scoped } from "./pods.ts";
import type { Selection } from "./selector.ts";
import type { StatQuery } from "./stat.ts";
import type { PodStats } from "./stats.ts";

/** Where a row says which object of a kind decided about it: `group/kind/name`. Kinds that are not here decide nothing by themselves. */
const KEY_OF_KIND: Readonly<Record<string, (row: StatsKey) => string>> = {
  server: (row) => row.parent,
  httproute: (row) => row.route,
  authorizationpolicy: (row) => row.authorization,
  serverauthorization: (row) => row.authorization,
};

/** Whether there are figures by this kind of policy. */
export function isCounted(kind: ResourceKind): boolean {
  return kind.name in KEY_OF_KIND;
}

/**
 * Figures of what came in, by the policy that decided about it. Every object has a row, and a route one for each Server where
 * it had traffic.
 *
 * @throws MeshError `KUBE_NOT_FOUND` for a name that does not exist
 */
export async function policyRows(
  kube: KubeClient,
  kind: ResourceKind,
  selections: readonly Selection[],
  query: StatQuery,
  stats: readonly PodStats[],
): Promise<readonly StatRow[]> {
  for (const selection of selections) await requireResource(kube, selection, query.namespace ?? "");
  const list = await kube.request<KubeList>("GET", scoped(kind.api, query.namespace, kind.plural), {
    query: { labelSelector: query.labelSelector },
  });
  const wanted = list.items.filter(({ metadata }) =>
    selections.some(({ name }) => name === undefined || name === metadata.name),
  );
  return wanted
    .flatMap((object) => rowsOf(object, kind, stats))
    .sort((a, b) => compare(sortKey(a), sortKey(b)));
}

function rowsOf(object: KubeObject, kind: ResourceKind, stats: readonly PodStats[]): StatRow[] {
  const { namespace = "", name = "" } = object.metadata;
  const keyOf = KEY_OF_KIND[kind.name]!;
  const isAbout = (row: StatsKey): boolean => {
    if (row.direction !== "inbound") return false;
    const [, rowKind = "", ...rest] = keyOf(row).split("/");
    return rowKind.toLowerCase() === kind.name && rest.join("/") === name;
  };
  const sums = new Map<string | undefined, StatSum>();
  const sumOf = (row: StatsKey): StatSum => {
    const server = kind.name === "httproute" ? policyName(row.parent) : undefined;
    let sum = sums.get(server);
    if (!sum) sums.set(server, (sum = new StatSum()));
    return sum;
  };
  for (const { pod, reply } of stats) {
    // A Server and what refers to it are of the namespace of the pods.
    if (pod.namespace !== namespace) continue;
    for (const row of reply.http) if (isAbout(row)) sumOf(row).addHttp(row, reply.windowMs);
    for (const row of reply.tcp) if (isAbout(row)) sumOf(row).addTcp(row, reply.windowMs);
  }
  if (sums.size === 0) sums.set(undefined, new StatSum());
  return [...sums].map(([server, sum]) => ({
    kind: kind.name,
    namespace,
    name,
    meshed: undefined,
    status: undefined,
    server,
    http: sum.http(),
    tcp: sum.tcp(),
  }));
}

/** `web` of `policy.meshctl.io/server/web`; `default:all-unauthenticated` where no object has decided. */
export function policyName(key: string): string {
  const [group = "", kind = "", ...rest] = key.split("/");
  const name = rest.join("/");
  return group === "" && kind === "default" ? `default:${name}` : name;
}

function sortKey(row: StatRow): string {
  return `${row.namespace}/${row.name}/${row.server ?? ""}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
