import type { ResourceRef } from "../kube/source.ts";
import { BUILT_IN_RESOURCES } from "./apiserver/resources.ts";
import type { ObjectApi } from "./object-api.ts";

const CRDS: ResourceRef = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
};

/** One resource for each kind of stored object; views of the same objects under another group are left out. */
function builtIn(keep: (resource: (typeof BUILT_IN_RESOURCES)[number]) => boolean): ResourceRef[] {
  return BUILT_IN_RESOURCES.filter(
    (resource) =>
      keep(resource) &&
      resource.verbs.includes("watch") &&
      resource.bucket === `${resource.group}/${resource.plural}`,
  ).map(({ group, version, plural, kind }) => ({ group, version, plural, kind }));
}

/** What can own and be owned: every built-in resource. */
export function ownableResources(): ResourceRef[] {
  return builtIn(({ plural }) => plural !== "events");
}

/** Every namespaced resource that is served now, those of CustomResourceDefinitions included. */
export function namespacedResources(objects: ObjectApi): ResourceRef[] {
  const custom = objects.list(CRDS).flatMap(({ spec }): ResourceRef[] => {
    const served = spec.versions?.find((version: { served?: boolean }) => version.served);
    if (spec.scope !== "Namespaced" || !served) return [];
    return [{ group: spec.group, version: served.name, plural: spec.names.plural, kind: spec.names.kind }];
  });
  return [...builtIn(({ namespaced }) => namespaced), ...custom];
}
