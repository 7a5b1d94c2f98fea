import type { KubeClient } from "../kube/client.ts";
import type { HttpFigures } from "../observe/stat-row.ts";
import { StatSum } from "../observe/stat-row.ts";
import { collectAuthorizations } from "./authorizations.ts";
import { listPods, podsOf } from "./pods.ts";
import type { Selection } from "./selector.ts";
import { policyName } from "./stat-policy.ts";
import { type Coverage, collectStats } from "./stats.ts";

/** What one authorization let in, or what none did. */
export interface AuthzRow {
  /** `default` where no route of an object decided. */
  readonly route: string;
  /** `default:<policy>` where no Server decided. */
  readonly server: string;
  /** `kind/name`; "" for what nothing authorized. */
  readonly authorization: string;
  /** Undefined: no request in the window. */
  readonly http: HttpFigures | undefined;
}

export interface AuthzStats {
  readonly rows: readonly AuthzRow[];
  readonly notices: readonly string[];
  readonly coverage: Coverage;
}

/** Traffic of a resource's pods by what authorized it, with the authorizations that had none. */
export async function collectAuthzStats(
  kube: KubeClient,
  selection: Selection,
  namespace: string,
  windowMs: number,
  signal: AbortSignal,
): Promise<AuthzStats> {
  const scope =
    selection.kind.role === "namespace" && selection.name !== undefined ? selection.name : namespace;
  const [declared, pods] = await Promise.all([
    collectAuthorizations(kube, selection, namespace, signal),
    listPods(kube, { namespace: scope, signal }),
  ]);
  const { stats, coverage } = await collectStats(kube, podsOf(pods, selection), windowMs, signal);
  const sums = new Map<string, StatSum>();
  for (const { reply } of stats) {
    for (const row of reply.http) {
      if (row.direction !== "inbound") continue;
      // A request that was denied has an authorization no more than one that nothing was about.
      const authorization = row.denied > 0 && row.successes + row.failures === 0 ? "" : row.authorization;
      const key = keyOf(routeName(row.route), policyName(row.parent), authorizationName(authorization));
      let sum = sums.get(key);
      if (!sum) sums.set(key, (sum = new StatSum()));
      sum.addHttp(row, reply.windowMs);
    }
  }
  for (const row of declared.rows) {
    const authorization =
      row.authorizationPolicy === ""
        ? `serverauthorization/${row.serverAuthorization}`
        : `authorizationpolicy/${row.authorizationPolicy}`;
    const has = [...sums.keys()].some((key) => {
      const [route, server, own] = key.split("\u0000");
      return server === row.server && own === authorization && (row.route === "*" || row.route === route);
    });
    if (!has) sums.set(keyOf(row.route, row.server, authorization), new StatSum());
  }
  const rows = [...sums].map(([key, sum]): AuthzRow => {
    const [route = "", server = "", authorization = ""] = key.split("\u0000");
    return { route, server, authorization, http: sum.http() };
  });
  return { rows: rows.sort(compare), notices: declared.notices, coverage };
}

function keyOf(route: string, server: string, authorization: string): string {
  return [route, server, authorization].join("\u0000");
}

function routeName(key: string): string {
  const [, kind, ...rest] = key.split("/");
  return kind === undefined || kind === "default" ? "default" : rest.join("/");
}

function authorizationName(key: string): string {
  if (key === "") return "";
  const [, kind = "", ...rest] = key.split("/");
  return `${kind.toLowerCase()}/${rest.join("/")}`;
}

function compare(a: AuthzRow, b: AuthzRow): number {
  const key = (row: AuthzRow): string => keyOf(row.server, row.route, row.authorization);
  return key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0;
}
