import { type Clock, sleep, systemClock } from "../base/clock.ts";
import { MeshError, toMeshError } from "../base/error.ts";
import type { KubeObject } from "../base/kube-object.ts";
import type { KubeClient } from "../kube/client.ts";
import { type ManifestObject, parseManifest } from "../kube/manifest-documents.ts";
import { resourcePath } from "../kube/resource-path.ts";
import { ResourceFinder, type ServedResource } from "./resource-finder.ts";
import { threeWayMerge } from "./three-way-merge.ts";

export interface ApplyOptions {
  /** Name of the input, for messages. */
  readonly file: string;
  /** For objects that name none; default: the client's. */
  readonly namespace?: string;
  readonly clock?: Clock;
  /** Called after each object, in order. */
  readonly onApplied?: (result: AppliedObject) => void;
}

export interface AppliedObject {
  readonly object: KubeObject;
  /** `deployment.apps/web`, as kubectl names it. */
  readonly name: string;
  readonly action: "created" | "configured" | "unchanged";
}

/** As kubectl: a field that the API does not know is a mistake of the author's, not something to drop in silence. */
const STRICT = { fieldValidation: "Strict" } as const;
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";
/** A kind may be one that a CustomResourceDefinition a few documents above defines. */
const KIND_MS_MAX = 5000;
const KIND_POLL_MS = 100;

/**
 * Creates what is missing and merges what exists, document by document. The text is read whole before the first request, so a
 * syntax error changes nothing.
 *
 * What was applied last is kept in kubectl's own annotation, so that fields which the author removes go, and kubectl can
 * take over. Merging is a JSON merge (three-way-merge.ts): lists are replaced, where kubectl merges some by key.
 *
 * @throws MeshError `MANIFEST_SYNTAX`, `MANIFEST_NOT_AN_OBJECT`, `MANIFEST_KIND_UNKNOWN`, and what the API server says, each with file, document and line
 */
export async function applyManifests(
  client: KubeClient,
  text: string,
  options: ApplyOptions,
): Promise<AppliedObject[]> {
  const objects = parseManifest(text, options.file);
  const finder = new ResourceFinder(client);
  const results: AppliedObject[] = [];
  for (const entry of objects) {
    const result = await applyOne(client, finder, entry, options);
    options.onApplied?.(result);
    results.push(result);
  }
  return results;
}

/** What became of the objects of a manifest, in the order in which they were deleted. */
export interface DeletedObjects {
  readonly deleted: readonly string[];
  /** Those that did not exist. */
  readonly missing: readonly string[];
}

/** Deletes the objects of a manifest, last first. */
export async function deleteManifests(
  client: KubeClient,
  text: string,
  options: Omit<ApplyOptions, "onApplied">,
): Promise<DeletedObjects> {
  const finder = new ResourceFinder(client);
  const deleted: string[] = [];
  const missing: string[] = [];
  for (const { object } of parseManifest(text, options.file).reverse()) {
    const resource = await finder.byKind(object.apiVersion, object.kind);
    if (!resource) {
      missing.push(`${object.kind.toLowerCase()}/${object.metadata.name}`);
      continue;
    }
    const path = pathOf(client, resource, object, options.namespace);
    try {
      await client.request("DELETE", path, { body: { propagationPolicy: "Background" } });
      deleted.push(displayName(resource, object.metadata.name!));
    } catch (caught) {
      if (!(caught instanceof MeshError) || caught.code !== "KUBE_NOT_FOUND") throw caught;
      missing.push(displayName(resource, object.metadata.name!));
    }
  }
  return { deleted, missing };
}

async function applyOne(
  client: KubeClient,
  finder: ResourceFinder,
  { object, where }: ManifestObject,
  options: ApplyOptions,
): Promise<AppliedObject> {
  const resource = await findResource(finder, object, where, options.clock ?? systemClock);
  try {
    const path = pathOf(client, resource, object, options.namespace);
    const wanted = annotate(resource, object, options.namespace ?? client.namespace);
    const live = await getIfThere(client, path);
    if (!live) {
      const collection = path.slice(0, path.lastIndexOf("/"));
      const created = await client.request("POST", collection, { body: wanted, query: STRICT });
      return { object: created, name: displayName(resource, object.metadata.name!), action: "created" };
    }
    const last: unknown = JSON.parse(live.metadata.annotations?.[LAST_APPLIED] ?? "{}");
    const patch = threeWayMerge(last, wanted, live);
    const name = displayName(resource, object.metadata.name!);
    if (!patch) return { object: live, name, action: "unchanged" };
    const patched = await client.request("PATCH", path, {
      body: patch,
      query: STRICT,
      contentType: "application/merge-patch+json",
    });
    return { object: patched, name, action: "configured" };
  } catch (caught) {
    const error = toMeshError(caught);
    throw new MeshError({
      kind: error.kind,
      code: error.code,
      message: `${where}, ${displayName(resource, object.metadata.name ?? "")}: ${error.message}`,
      hint: error.hint,
      cause: error.cause ?? error,
    });
  }
}

async function findResource(
  finder: ResourceFinder,
  object: KubeObject,
  where: string,
  clock: Clock,
): Promise<ServedResource> {
  const deadlineMs = clock.monotonic() + KIND_MS_MAX;
  // Only kinds of custom groups can still come.
  const canCome = object.apiVersion.split("/")[0]!.includes(".");
  for (;;) {
    const resource = await finder.byKind(object.apiVersion, object.kind);
    if (resource) return resource;
    if (!canCome || clock.monotonic() >= deadlineMs) break;
    await sleep(clock, KIND_POLL_MS);
  }
  throw new MeshError({
    kind: "user",
    code: "MANIFEST_KIND_UNKNOWN",
    message: `${where}: the cluster serves no kind "${object.kind}" in version "${object.apiVersion}"`,
    hint: "apply its CustomResourceDefinition first, or correct apiVersion and kind",
  });
}

function pathOf(
  client: KubeClient,
  resource: ServedResource,
  object: KubeObject,
  namespace: string | undefined,
): string {
  const scope = resource.namespaced
    ? (object.metadata.namespace ?? namespace ?? client.namespace)
    : undefined;
  return `${resourcePath(resource, scope)}/${encodeURIComponent(object.metadata.name ?? "")}`;
}

/** The object with its namespace and, in kubectl's annotation, itself. */
function annotate(resource: ServedResource, object: KubeObject, namespace: string): KubeObject {
  const { [LAST_APPLIED]: _old, ...annotations } = object.metadata.annotations ?? {};
  const metadata = { ...object.metadata, annotations };
  if (resource.namespaced) metadata.namespace = object.metadata.namespace ?? namespace;
  const bare = { ...object, metadata };
  return {
    ...bare,
    metadata: { ...metadata, annotations: { ...annotations, [LAST_APPLIED]: `${JSON.stringify(bare)}\n` } },
  };
}

async function getIfThere(client: KubeClient, path: string): Promise<KubeObject | undefined> {
  try {
    return await client.request("GET", path);
  } catch (caught) {
    if (caught instanceof MeshError && caught.code === "KUBE_NOT_FOUND") return undefined;
    throw caught;
  }
}

/** `pod/web`, `deployment.apps/web`. */
export function displayName(resource: Pick<ServedResource, "group" | "kind">, name: string): string {
  const kind = resource.kind.toLowerCase();
  return resource.group === "" ? `${kind}/${name}` : `${kind}.${resource.group}/${name}`;
}
