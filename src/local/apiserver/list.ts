import type { KubeObject } from "../../base/kube-object.ts";
import { fromStorage } from "./convert.ts";
import { apiVersionOf, type ResourceInfo } from "./resource-info.ts";
import type { Representation } from "./respond.ts";
import { type Predicate, parseFieldSelector, parseLabelSelector } from "./selectors.ts";
import { badRequest, expired, versionTooLarge } from "./status.ts";
import type { Store } from "./store.ts";
import { type IncludeObject, partialMetadata, renderTable } from "./table/render.ts";

/** Which objects a list, watch or deletecollection is about. */
export function selectionOf(resource: ResourceInfo, name: string, query: URLSearchParams): Predicate {
  const tests: Predicate[] = [];
  const labels = query.get("labelSelector");
  const fields = query.get("fieldSelector");
  if (name) tests.push((object) => object.metadata.name === name);
  if (labels) tests.push(parseLabelSelector(labels));
  if (fields) tests.push(parseFieldSelector(resource, fields));
  return (object) => tests.every((test) => test(object));
}

export interface ListDeps {
  readonly store: Store;
  now(): number;
}

/**
 * JSON of a list. Pages (`limit`, `continue`) are cut by name, from the present state: a page does not see the past that the first one saw,
 * so an object is never listed twice, and one made meanwhile may be listed or not.
 */
export function listBody(
  deps: ListDeps,
  resource: ResourceInfo,
  namespace: string | undefined,
  query: URLSearchParams,
  representation: Representation,
): string {
  const { store } = deps;
  checkVersion(store, query);
  const selected = selectionOf(resource, "", query);
  let objects = store.list(resource.bucket, namespace).filter(selected);
  const token = query.get("continue");
  if (token) {
    const after = decodeContinue(token);
    objects = objects.filter((object) => compareKeys(keyOf(object), after) > 0);
  }
  const limit = Number(query.get("limit") ?? 0);
  const metadata: Record<string, unknown> = {
    // Lists of custom resources say it even when there is no further page.
    ...(resource.crd && representation === "object" ? { continue: "" } : {}),
    resourceVersion: String(store.version),
  };
  if (limit > 0 && objects.length > limit) {
    metadata.remainingItemCount = objects.length - limit;
    objects = objects.slice(0, limit);
    metadata.continue = Buffer.from(JSON.stringify(keyOf(objects.at(-1)!))).toString("base64url");
  }
  if (representation === "table") {
    const include = (query.get("includeObject") ?? "Metadata") as IncludeObject;
    const shown = objects.map((object) => fromStorage(resource, object));
    return JSON.stringify({ ...renderTable(resource, shown, include, deps.now(), true), metadata });
  }
  if (representation === "metadata") {
    return JSON.stringify({
      kind: "PartialObjectMetadataList",
      apiVersion: "meta.k8s.io/v1",
      metadata,
      items: objects.map(partialMetadata),
    });
  }
  const head = JSON.stringify({ kind: `${resource.kind}List`, apiVersion: apiVersionOf(resource), metadata });
  const items = objects.map((object) => itemText(store, resource, object)).join(",");
  return `${head.slice(0, -1)},"items":[${items}]}`;
}

/** Kubernetes' typed lists say the kind once, on the list; only custom resources repeat it in each item. */
function itemText(store: Store, resource: ResourceInfo, object: KubeObject): string {
  if (resource.crd) return encodeFor(store, resource, object);
  const { apiVersion: _v, kind: _k, ...item } = fromStorage(resource, object);
  return JSON.stringify(item);
}

/** JSON of a stored object in the resource's version; cached when that is the stored one. */
export function encodeFor(store: Store, resource: ResourceInfo, object: KubeObject): string {
  const shown = fromStorage(resource, object);
  return shown === object ? store.encode(object) : JSON.stringify(shown);
}

function checkVersion(store: Store, query: URLSearchParams): void {
  const text = query.get("resourceVersion");
  if (!text || text === "0") return;
  const wanted = parseVersion(text);
  // Only the present can be listed; `Exact` of another version cannot be served.
  if (query.get("resourceVersionMatch") === "Exact" && wanted !== store.version)
    throw expired(wanted, store.version);
  if (wanted > store.version) throw versionTooLarge(wanted, store.version);
}

export function parseVersion(text: string): number {
  if (!/^\d{1,15}$/.test(text)) {
    throw badRequest(
      `invalid resource version: resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  }
  return Number(text);
}

type Key = readonly [namespace: string, name: string];

function keyOf(object: KubeObject): Key {
  return [object.metadata.namespace ?? "", object.metadata.name ?? ""];
}

function compareKeys(a: Key, b: Key): number {
  if (a[0] !== b[0]) return a[0] < b[0] ? -1 : 1;
  return a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0;
}

function decodeContinue(token: string): Key {
  try {
    const key = JSON.parse(Buffer.from(token, "base64url").toString("utf8")) as unknown;
    if (Array.isArray(key) && key.length === 2 && key.every((part) => typeof part === "string")) {
      return key as unknown as Key;
    }
  } catch {
    // Reported below with everything else that is no token of ours.
  }
  throw badRequest("continue key is not valid: it is not a token of this server");
}
