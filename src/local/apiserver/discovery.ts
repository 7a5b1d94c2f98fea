import { createHash } from "node:crypto";
import type { Registry } from "./registry.ts";
import { apiVersionOf, type ResourceInfo, type Subresource } from "./resource-info.ts";

/** Documents by which clients learn what is served: the plain ones a group and version, and the aggregated one that kubectl asks first. */
export interface Discovery {
  /** `/api` */
  coreVersions(): unknown;
  /** `/apis` */
  groups(): unknown;
  /** `/apis/<group>`; undefined when nobody serves it */
  group(name: string): unknown;
  /** `/api/v1`, `/apis/<group>/<version>` */
  resources(group: string, version: string): unknown;
  /** APIGroupDiscoveryList of `/api` or `/apis`. */
  aggregated(core: boolean): { readonly body: string; readonly etag: string };
}

export const AGGREGATED_TYPE = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/** Whether an `Accept` header asks for aggregated discovery of the version that we speak. */
export function wantsAggregated(accept: string | undefined): boolean {
  return (accept ?? "").split(",").some((entry) => {
    const parts = new Set(entry.split(";").map((part) => part.trim()));
    return parts.has("g=apidiscovery.k8s.io") && parts.has("v=v2") && parts.has("as=APIGroupDiscoveryList");
  });
}

export function createDiscovery(registry: Registry): Discovery {
  const groupNames = (): string[] => [...new Set(registry.all().map((each) => each.group))];
  const versionsOf = (group: string): string[] => [
    ...new Set(
      registry
        .all()
        .filter((each) => each.group === group)
        .map((each) => each.version),
    ),
  ];
  const groupDocument = (name: string) => {
    const versions = versionsOf(name).map((version) => ({ groupVersion: `${name}/${version}`, version }));
    return { name, versions, preferredVersion: versions[0] };
  };
  const resourcesOf = (group: string, version: string): ResourceInfo[] =>
    registry.all().filter((each) => each.group === group && each.version === version);
  const cache = new Map<boolean, { generation: number; body: string; etag: string }>();

  return {
    coreVersions: () => ({
      kind: "APIVersions",
      versions: ["v1"],
      serverAddressByClientCIDRs: [],
    }),
    groups: () => ({
      kind: "APIGroupList",
      apiVersion: "v1",
      groups: groupNames()
        .filter((name) => name !== "")
        .map(groupDocument),
    }),
    group: (name) =>
      name !== "" && versionsOf(name).length > 0
        ? { kind: "APIGroup", apiVersion: "v1", ...groupDocument(name) }
        : undefined,
    resources(group, version) {
      const resources = resourcesOf(group, version);
      if (resources.length === 0) return undefined;
      return {
        kind: "APIResourceList",
        apiVersion: "v1",
        groupVersion: apiVersionOf({ group, version }),
        resources: resources.flatMap((each) => [
          plainResource(each),
          ...each.subresources.map((sub) => plainSubresource(each, sub)),
        ]),
      };
    },
    aggregated(core) {
      const known = cache.get(core);
      if (known?.generation === registry.generation) return known;
      const items = groupNames()
        .filter((name) => (name === "") === core)
        .map((name) => ({
          metadata: { name: name === "" ? null : name, creationTimestamp: null },
          versions: versionsOf(name).map((version) => ({
            version,
            freshness: "Current",
            resources: resourcesOf(name, version).map(aggregatedResource),
          })),
        }));
      const body = JSON.stringify({
        kind: "APIGroupDiscoveryList",
        apiVersion: "apidiscovery.k8s.io/v2",
        metadata: {},
        items,
      });
      const etag = `"${createHash("sha256").update(body).digest("hex").toUpperCase()}"`;
      const entry = { generation: registry.generation, body, etag };
      cache.set(core, entry);
      return entry;
    },
  };
}

function plainResource(resource: ResourceInfo): unknown {
  return {
    name: resource.plural,
    singularName: resource.singular,
    namespaced: resource.namespaced,
    kind: resource.kind,
    verbs: resource.verbs,
    ...(resource.shortNames.length > 0 ? { shortNames: resource.shortNames } : {}),
    ...(resource.categories.length > 0 ? { categories: resource.categories } : {}),
  };
}

function plainSubresource(resource: ResourceInfo, sub: Subresource): unknown {
  return {
    name: `${resource.plural}/${sub.name}`,
    singularName: "",
    namespaced: resource.namespaced,
    ...(sub.group === undefined ? {} : { group: sub.group, version: sub.version }),
    kind: sub.kind,
    verbs: sub.verbs,
  };
}

function aggregatedResource(resource: ResourceInfo): unknown {
  const { group, version, kind } = resource;
  return {
    resource: resource.plural,
    responseKind: { group, version, kind },
    scope: resource.namespaced ? "Namespaced" : "Cluster",
    singularResource: resource.singular,
    verbs: resource.verbs,
    shortNames: resource.shortNames,
    categories: resource.categories,
    subresources: resource.subresources.map((sub) => ({
      subresource: sub.name,
      responseKind: { group: sub.group ?? group, version: sub.version ?? version, kind: sub.kind },
      verbs: sub.verbs,
    })),
  };
}
