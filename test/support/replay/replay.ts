import type { KubeObject } from "../../../src/base/kube-object.ts";
import { parseResourcePath, type ResourcePath } from "../../../src/local/apiserver/request-info.ts";
import type { Store } from "../../../src/local/apiserver/store.ts";
import { compareAnswers, type Difference } from "./compare.ts";
import { type Exchange, isWatch, type Json } from "./recording.ts";
import { isPlayable, type OpenWatch, replayWatch } from "./replay-watch.ts";

/** The server that a recording is played to. */
export interface ReplayTarget {
  readonly store: Store;
  /** Puts its clock to a time of the recording. */
  setTime(ms: number): void;
  request(
    method: string,
    path: string,
    body: string | Buffer | undefined,
    headers: Record<string, string>,
  ): Promise<{ readonly status: number; readonly body: Json }>;
  watch(path: string, headers: Record<string, string>): Promise<OpenWatch>;
}

export interface Finding {
  readonly exchange: Exchange;
  readonly differences: readonly Difference[];
}

/**
 * Sends every recorded request to `target` and compares the answers.
 *
 * There are no controllers and no kubelet behind the target. What theirs did is known from what the recorded server answered, so before a
 * GET the target's objects are made those of the recorded answer; what is compared then is selection, shape, tables and encoding. Writes are
 * compared as a whole. Versions (and the tokens of further pages) are translated: a request
 * that named the present one names the target's present one, a stale one stays stale.
 */
export async function replay(exchanges: readonly Exchange[], target: ReplayTarget): Promise<Finding[]> {
  const versions = new Map<string, string>();
  const findings: Finding[] = [];
  for (const exchange of exchanges) {
    target.setTime(Date.parse(exchange.at));
    const path = parseResourcePath(exchange.path);
    if (path) seed(target.store, path, exchange, versions);
    const headers: Record<string, string> = {
      ...(exchange.accept === undefined ? {} : { accept: exchange.accept }),
      ...(exchange.contentType === undefined ? {} : { "content-type": exchange.contentType }),
      ...(exchange.as === undefined ? {} : { "impersonate-user": exchange.as }),
    };
    if (path && isWatch(exchange) && isPlayable(exchange)) {
      const open = target.watch.bind(target);
      const differences = await replayWatch(exchange, path, target.store, open, headers);
      if (differences.length > 0) findings.push({ exchange, differences });
      continue;
    }
    const query = exchange.query.replace(/(?<=continue=)[\w-]+/, (token) => versions.get(token) ?? token);

    const reply = await target.request(
      exchange.method,
      `${exchange.path}${query}`,
      bodyOf(exchange, versions),
      headers,
    );
    learn(exchange.answer, reply.body, versions);
    const differences: Difference[] = [];
    if (reply.status !== exchange.status) {
      differences.push({ path: "status", expected: exchange.status, actual: reply.status });
    }
    const actual = isWatch(exchange) && typeof reply.body !== "string" ? [reply.body] : reply.body;
    differences.push(...compareAnswers(exchange.answer, actual));
    if (differences.length > 0) findings.push({ exchange, differences });
  }
  return findings;
}

function seed(store: Store, path: ResourcePath, exchange: Exchange, versions: Map<string, string>): void {
  if (exchange.method !== "GET" || isWatch(exchange)) return;
  if (path.subresource === "scale" && exchange.status === 200) seedScale(store, path, exchange.answer);
  if (path.subresource && path.subresource !== "status") return;
  const bucket = `${path.group}/${path.plural}`;
  if (exchange.status === 404 && path.name && exchange.answer?.details?.name === path.name) {
    store.remove(bucket, path.namespace, path.name);
    return;
  }
  if (exchange.status !== 200 || typeof exchange.answer !== "object") return;
  const listed = path.name === "";
  const objects: readonly KubeObject[] =
    exchange.objects ?? (listed ? itemsOf(exchange.answer) : [exchange.answer as KubeObject]);
  for (const object of objects) put(store, bucket, object, versions);
  if (!listed || /labelSelector|fieldSelector|limit=1$|continue/.test(exchange.query)) return;
  const names = new Set(objects.map((object) => object.metadata.name));
  for (const object of store.list(bucket, path.namespace || undefined)) {
    if (!names.has(object.metadata.name))
      store.remove(bucket, object.metadata.namespace ?? "", object.metadata.name!);
  }
}

/** A Scale shows two numbers of its object. */
function seedScale(store: Store, path: ResourcePath, scale: Json): void {
  const bucket = `${path.group}/${path.plural}`;
  const object = store.get(bucket, path.namespace, path.name);
  const [desired, replicas] =
    scale.kind === "Table"
      ? scale.rows[0].cells.slice(1, 3)
      : [scale.spec?.replicas ?? 0, scale.status.replicas];
  if (!object) return;
  const spec = { ...object.spec, replicas: desired };
  store.put(bucket, { ...object, spec, status: { ...object.status, replicas } });
}

function itemsOf(list: Json): KubeObject[] {
  const kind = String(list.kind).replace(/List$/, "");
  return (list.items ?? []).map((item: Json) => ({ apiVersion: list.apiVersion, kind, ...item }));
}

function put(store: Store, bucket: string, object: KubeObject, versions: Map<string, string>): void {
  const { resourceVersion, ...metadata } = object.metadata;
  const { apiVersion, kind, ...rest } = object;
  const known = store.get(bucket, metadata.namespace ?? "", metadata.name!);
  if (known && resourceVersion && versions.get(resourceVersion) === known.metadata.resourceVersion) {
    if (known.metadata.uid === metadata.uid) return;
  }
  const stored = store.put(bucket, { apiVersion, kind, ...rest, metadata });
  if (resourceVersion) versions.set(resourceVersion, stored.metadata.resourceVersion!);
}

function bodyOf(exchange: Exchange, versions: ReadonlyMap<string, string>): string | Buffer | undefined {
  if (exchange.bodyBase64 !== undefined) return Buffer.from(exchange.bodyBase64, "base64");
  return exchange.body === undefined ? undefined : JSON.stringify(translate(exchange.body, versions));
}

function translate(body: Json, versions: ReadonlyMap<string, string>): Json {
  const version = body?.metadata?.resourceVersion;
  if (typeof version !== "string") return body;
  return { ...body, metadata: { ...body.metadata, resourceVersion: versions.get(version) ?? version } };
}

function learn(expected: Json, actual: Json, versions: Map<string, string>): void {
  if (expected?.metadata?.continue && actual?.metadata?.continue) {
    versions.set(expected.metadata.continue, actual.metadata.continue);
  }
  const theirs = expected?.metadata?.resourceVersion;
  const ours = actual?.metadata?.resourceVersion;
  if (typeof theirs === "string" && typeof ours === "string" && !expected.items && !expected.rows) {
    versions.set(theirs, ours);
  }
}
