import type { ResourceInfo } from "./resource-info.ts";
import { BUILT_IN_RESOURCES } from "./resources.ts";

/** Every resource that is served now. CRDs come and go; the rest is fixed. */
export interface Registry {
  find(group: string, version: string, plural: string): ResourceInfo | undefined;
  /** By group and plural alone: any served version. */
  findAny(group: string, plural: string): ResourceInfo | undefined;
  /** Replaces what one CRD serves; an empty array withdraws it. */
  setDynamic(crdName: string, resources: readonly ResourceInfo[]): void;
  /** In the order of discovery: core first, then groups as they came. */
  all(): readonly ResourceInfo[];
  hasGroupVersion(group: string, version: string): boolean;
  /** Changes with every change of the dynamic part. */
  readonly generation: number;
}

export function createRegistry(): Registry {
  const byPath = new Map<string, ResourceInfo>();
  const dynamic = new Map<string, readonly ResourceInfo[]>();
  let generation = 0;
  for (const resource of BUILT_IN_RESOURCES) byPath.set(pathKey(resource), resource);
  const all = (): readonly ResourceInfo[] => [...BUILT_IN_RESOURCES, ...[...dynamic.values()].flat()];
  return {
    get generation() {
      return generation;
    },
    find: (group, version, plural) => byPath.get(`${group}/${version}/${plural}`),
    findAny: (group, plural) => all().find((each) => each.group === group && each.plural === plural),
    setDynamic(crdName, resources) {
      generation++;
      for (const old of dynamic.get(crdName) ?? []) byPath.delete(pathKey(old));
      if (resources.length === 0) dynamic.delete(crdName);
      else dynamic.set(crdName, resources);
      for (const resource of resources) byPath.set(pathKey(resource), resource);
    },
    all,
    hasGroupVersion: (group, version) =>
      all().some((each) => each.group === group && each.version === version),
  };
}

function pathKey(resource: ResourceInfo): string {
  return `${resource.group}/${resource.version}/${resource.plural}`;
}
