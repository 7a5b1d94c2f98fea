import { MeshError } from "../base/error.ts";
import type { KubeObject, LabelSelector } from "../base/kube-object.ts";
import { matchesSelector } from "../base/kube-object.ts";
import type { KubeClient, KubeList } from "../kube/client.ts";
import { isCompleted } from "./pod-facts.ts";
import { listPods, podsOf, requireResource, scoped } from "./pods.ts";
import type { Selection } from "./selector.ts";

/** A line of `authz`: an authorization that holds for pods of a resource. */
export interface AuthorizationRow {
  /** "*": for every route. */
  readonly route: string;
  readonly server: string;
  /** Name of the AuthorizationPolicy, or "". */
  readonly authorizationPolicy: string;
  /** Name of the ServerAuthorization, or "". */
  readonly serverAuthorization: string;
}

export interface Authorizations {
  readonly rows: readonly AuthorizationRow[];
  /** References that lead nowhere. */
  readonly notices: readonly string[];
}

/** A Server, and where it lies. */
interface ServerFacts {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Which authorizations hold for a resource's pods, by what the policies say. */
export async function collectAuthorizations(
  kube: KubeClient,
  selection: Selection,
  namespace: string,
  signal: AbortSignal,
): Promise<Authorizations> {
  const scope =
    selection.kind.role === "namespace" && selection.name !== undefined ? selection.name : namespace;
  const list = async (api: string, plural: string) =>
    (await kube.request<KubeList>("GET", scoped(api, scope, plural), { signal })).items;
  const policy = "/apis/policy.meshctl.io";
  const [pods, facts, servers, routes, policies, legacy] = await Promise.all([
    list("/api/v1", "pods"),
    listPods(kube, { namespace: scope, signal }),
    list(`${policy}/v1beta3`, "servers"),
    listRoutes(list),
    list(`${policy}/v1alpha1`, "authorizationpolicies"),
    list(`${policy}/v1beta1`, "serverauthorizations"),
  ]);
  const wanted = new Set(podsOf(facts, selection).map(({ name }) => name));
  if (wanted.size === 0) await requireResource(kube, selection, namespace);
  const selected = pods.filter((pod) => !isCompleted(pod) && wanted.has(pod.metadata.name ?? ""));
  const own = servers.filter((server) => selected.some((pod) => selects(server, pod))).map(serverFacts);
  const notices: string[] = [];
  const rows = [
    ...policies.flatMap((object) => policyRows(object, { own, servers, routes, scope, notices })),
    ...legacy.flatMap((object) => legacyRows(object, own)),
  ];
  return { rows: rows.sort(compare), notices };
}

/** Routes that policies may refer to. The Gateway API's kinds need not be there. */
async function listRoutes(
  list: (api: string, plural: string) => Promise<readonly KubeObject[]>,
): Promise<readonly KubeObject[]> {
  const optional = (plural: string) =>
    list("/apis/gateway.networking.k8s.io/v1", plural).catch((error: unknown) => {
      if (error instanceof MeshError && error.code === "KUBE_NOT_FOUND") return [];
      throw error;
    });
  const lists = await Promise.all([
    list("/apis/policy.meshctl.io/v1beta3", "httproutes"),
    optional("httproutes"),
    optional("grpcroutes"),
  ]);
  return lists.flat();
}

interface PolicyContext {
  readonly own: readonly ServerFacts[];
  readonly servers: readonly KubeObject[];
  readonly routes: readonly KubeObject[];
  readonly scope: string;
  readonly notices: string[];
}

function policyRows(object: KubeObject, context: PolicyContext): AuthorizationRow[] {
  const { kind, name = "", namespace = context.scope } = object.spec?.targetRef ?? {};
  const authorizationPolicy = object.metadata.name ?? "";
  const row = (server: string, route = "*"): AuthorizationRow => ({
    route,
    server,
    authorizationPolicy,
    serverAuthorization: "",
  });
  // A policy reaches only its own namespace.
  if (namespace !== context.scope) return [];
  switch (kind) {
    case "Namespace":
      return context.own.map(({ name: server }) => row(server));
    case "Server": {
      if (!context.servers.some(({ metadata }) => metadata.name === name)) {
        context.notices.push(
          `AuthorizationPolicy ${authorizationPolicy} refers to Server ${name}, which does not exist`,
        );
      }
      return context.own.some((server) => server.name === name) ? [row(name)] : [];
    }
    case "HTTPRoute":
    case "GRPCRoute": {
      const group: string = object.spec?.targetRef?.group ?? "";
      const route = context.routes.find(
        (one) => one.metadata.name === name && one.kind === kind && one.apiVersion.startsWith(`${group}/`),
      );
      if (!route) {
        context.notices.push(
          `AuthorizationPolicy ${authorizationPolicy} refers to ${kind} ${name}, which does not exist`,
        );
        return [];
      }
      const parents: { kind?: string; name: string }[] = route.spec?.parentRefs ?? [];
      return parents
        .filter(
          (parent) => parent.kind === "Server" && context.own.some((server) => server.name === parent.name),
        )
        .map((parent) => row(parent.name, name));
    }
    default:
      return [];
  }
}

function legacyRows(object: KubeObject, own: readonly ServerFacts[]): AuthorizationRow[] {
  const { name, selector } = (object.spec?.server ?? {}) as { name?: string; selector?: LabelSelector };
  return own
    .filter((server) =>
      name !== undefined
        ? server.name === name
        : selector !== undefined && matchesSelector(selector, server.labels),
    )
    .map((server) => ({
      route: "*",
      server: server.name,
      authorizationPolicy: "",
      serverAuthorization: object.metadata.name ?? "",
    }));
}

function serverFacts({ metadata }: KubeObject): ServerFacts {
  return { name: metadata.name ?? "", labels: metadata.labels ?? {} };
}

/** Whether a Server is about a port of the pod. */
function selects(server: KubeObject, pod: KubeObject): boolean {
  const { podSelector, port } = server.spec ?? {};
  if (podSelector === undefined || !matchesSelector(podSelector, pod.metadata.labels)) return false;
  const containers: { ports?: { name?: string; containerPort: number }[] }[] = [
    ...(pod.spec?.containers ?? []),
    ...(pod.spec?.initContainers ?? []),
  ];
  // A number needs no declaration: an application may listen without.
  if (typeof port === "number") return true;
  return containers.some(({ ports }) => ports?.some(({ name }) => name === port));
}

function compare(a: AuthorizationRow, b: AuthorizationRow): number {
  const key = (row: AuthorizationRow): string =>
    [row.server, row.route, row.authorizationPolicy, row.serverAuthorization].join("\u0000");
  return key(a) < key(b) ? -1 : 1;
}
