import type { KubeObject } from "../../base/kube-object.ts";
import type { ResourceRef } from "../../kube/source.ts";
import type { ObjectApi } from "../object-api.ts";
import { contextFor, LOCAL_USER } from "./context.ts";
import { fromStorage } from "./convert.ts";
import type { Operations } from "./operations.ts";
import { applyMergePatch } from "./patch/merge-patch.ts";
import type { Registry } from "./registry.ts";
import type { ResourceInfo } from "./resource-info.ts";
import { badRequest } from "./status.ts";
import type { Revision, Store } from "./store.ts";

/** The in-process door to the API server's objects. What it hands out are copies: callers may change them. */
export function createObjectApi(store: Store, registry: Registry, operations: Operations): ObjectApi {
  const find = ({ group, version, plural }: ResourceRef): ResourceInfo => {
    const resource = registry.find(group, version, plural);
    if (!resource)
      throw badRequest(`the local API server serves no ${plural} in ${group || "core"}/${version}`);
    return resource;
  };
  const context = () => contextFor(LOCAL_USER);
  const copy = (resource: ResourceInfo, object: KubeObject) => structuredClone(fromStorage(resource, object));
  return {
    get(ref, namespace, name) {
      const resource = find(ref);
      const object = store.get(resource.bucket, resource.namespaced ? (namespace ?? "") : "", name);
      return object && copy(resource, object);
    },
    list(ref, namespace) {
      const resource = find(ref);
      const scope = resource.namespaced ? namespace : "";
      return store.list(resource.bucket, scope).map((object) => copy(resource, object));
    },
    async create(ref, object) {
      const resource = find(ref);
      const namespace = resource.namespaced ? (object.metadata.namespace ?? "") : "";
      return structuredClone(await operations.create(context(), resource, namespace, object));
    },
    async update(ref, object, subresource) {
      const resource = find(ref);
      const { namespace = "", name = "" } = object.metadata;
      return structuredClone(
        await operations.update(
          context(),
          resource,
          resource.namespaced ? namespace : "",
          name,
          object,
          subresource,
        ),
      );
    },
    async mergePatch(ref, namespace, name, patch, subresource) {
      const resource = find(ref);
      const change = (current: KubeObject) => applyMergePatch(current, patch);
      const scope = resource.namespaced ? (namespace ?? "") : "";
      return structuredClone(await operations.modify(context(), resource, scope, name, change, subresource));
    },
    async delete(ref, namespace, name, options = {}) {
      const resource = find(ref);
      const { uid, ...rest } = options;
      await operations.remove(context(), resource, resource.namespaced ? (namespace ?? "") : "", name, {
        ...rest,
        ...(uid === undefined ? {} : { preconditions: { uid } }),
      });
    },
    watch(ref, listener) {
      const resource = find(ref);
      // Changes are queued inside the write and told on a later turn, so that a listener never runs in the middle of one.
      let queue: Pick<Revision, "type" | "object">[] = store
        .list(resource.bucket)
        .map((object) => ({ type: "ADDED", object }));
      let scheduled = false;
      let stopped = false;
      const pump = (): void => {
        scheduled = false;
        const batch = queue;
        queue = [];
        for (const { type, object } of batch) {
          if (stopped) return;
          listener(type, copy(resource, object));
        }
      };
      const schedule = (): void => {
        if (scheduled || stopped) return;
        scheduled = true;
        setImmediate(pump);
      };
      const unsubscribe = store.watch(resource.bucket, store.version, (revision) => {
        queue.push(revision);
        schedule();
      });
      if (queue.length > 0) schedule();
      return () => {
        stopped = true;
        unsubscribe();
      };
    },
  };
}
