import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import type { KubeObject } from "../base/kube-object.ts";
import type { ResourceRef } from "../kube/source.ts";

/**
 * The API server's objects, in process: what controllers and the kubelet work with. It goes through the same admission,
 * validation and store as HTTP requests, as user `system:meshctl-local` (group `system:masters`).
 *
 * Failures are MeshErrors whose `cause` is the Kubernetes `Status`; codes `KUBE_NOT_FOUND`, `KUBE_CONFLICT`, `KUBE_ALREADY_EXISTS`, `KUBE_INVALID`.
 */
export interface ObjectApi {
  get(resource: ResourceRef, namespace: string | undefined, name: string): KubeObject | undefined;
  list(resource: ResourceRef, namespace?: string): readonly KubeObject[];
  create(resource: ResourceRef, object: KubeObject): Promise<KubeObject>;
  /** Replaces; a stale `metadata.resourceVersion` conflicts. `subresource` "status" touches only status, "finalize" only a namespace's finalizers. */
  update(resource: ResourceRef, object: KubeObject, subresource?: "status" | "finalize"): Promise<KubeObject>;
  /** JSON merge patch (RFC 7386). A `metadata.uid` in it that is not the object's conflicts. */
  mergePatch(
    resource: ResourceRef,
    namespace: string | undefined,
    name: string,
    patch: unknown,
    subresource?: "status",
  ): Promise<KubeObject>;
  delete(
    resource: ResourceRef,
    namespace: string | undefined,
    name: string,
    options?: {
      readonly gracePeriodSeconds?: number;
      readonly propagationPolicy?: "Background" | "Foreground" | "Orphan";
      readonly uid?: string;
    },
  ): Promise<void>;
  /** Every existing object as ADDED first, then changes, in order, on later turns of the event loop. Returns stop. */
  watch(
    resource: ResourceRef,
    listener: (type: "ADDED" | "MODIFIED" | "DELETED", object: KubeObject) => void,
  ): () => void;
}

/** What the API server asks the kubelet for (pods/log, pods/proxy, pods/portforward). */
export interface PodBackend {
  /** Log lines as bytes; ends unless `follow`. @throws MeshError `KUBE_NOT_FOUND` when there is no such container, `POD_NOT_STARTED` */
  logs(
    namespace: string,
    pod: string,
    container: string,
    options: {
      readonly follow: boolean;
      readonly tailLines?: number;
      readonly sinceSeconds?: number;
      readonly timestamps: boolean;
      readonly previous: boolean;
      readonly signal: AbortSignal;
    },
  ): Readable;
  /**
   * A connection to a port of the pod. `proxy` dials the pod's public address (from the node); `portforward` dials from the pod's own,
   * so that it counts as the own host.
   */
  connect(namespace: string, pod: string, port: number, mode: "proxy" | "portforward"): Promise<Socket>;
}

/** How the API server reaches a Service (webhooks): a ready endpoint. */
export interface ServiceDialer {
  resolve(
    namespace: string,
    service: string,
    port: number,
  ): { readonly host: string; readonly port: number } | undefined;
}
