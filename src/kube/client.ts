import type { Duplex, Readable } from "node:stream";
import type { Clock } from "../base/clock.ts";
import type { KubeObject } from "../base/kube-object.ts";

/**
 * One connection to a Kubernetes API server, for CLI and control plane alike. Paths are absolute
 * (`/api/v1/namespaces/demo/pods`); every failure is a MeshError of kind `environment` that names server, verb and object.
 */
export interface KubeClient {
  /** Base URL of the API server. */
  readonly server: string;
  /** The context's namespace, else `default`. */
  readonly namespace: string;
  /** Name of the context, for messages; "" in-cluster. */
  readonly context: string;
  /** Whom requests impersonate (`--as`), for commands to paste. */
  readonly as?: string | undefined;

  /**
   * JSON in, JSON out.
   *
   * @throws MeshError `KUBE_UNREACHABLE`, `KUBE_UNAUTHORIZED`, `KUBE_FORBIDDEN`, `KUBE_NOT_FOUND`, `KUBE_CONFLICT`, `KUBE_ALREADY_EXISTS`, `KUBE_INVALID`, `KUBE_STATUS`
   * (`KubeStatusError` is the cause), `KUBE_WRONG_CA`, `KUBE_SERVER_CERT_TIME`, `KUBE_SERVER_NAME`, `KUBE_CLIENT_CERT_EXPIRED`, `KUBE_TIMEOUT`
   */
  request<T = KubeObject>(method: string, path: string, options?: RequestOptions): Promise<T>;

  /** Any answer, whatever its status, as bytes (pods/proxy, metrics). */
  raw(method: string, path: string, options?: RequestOptions): Promise<RawReply>;

  /** A body that goes on (watch, log follow). Ends with the signal. Non-2xx throws as `request` does. */
  stream(path: string, options: StreamOptions): Promise<Readable>;

  /** One connection to a port of a pod, through the API server (`pods/portforward`). */
  portForward(namespace: string, pod: string, port: number, signal?: AbortSignal): Promise<Duplex>;

  /** Closes idle connections; the process can end. */
  close(): void;
}

export interface RequestOptions {
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  /** Default `application/json`. */
  readonly contentType?: string;
  readonly accept?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface StreamOptions extends RequestOptions {
  readonly signal: AbortSignal;
}

export interface RawReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface KubeClientOptions {
  /** File, else `$KUBECONFIG`, else `~/.kube/config`, else in-cluster. */
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
  readonly as: string | undefined;
  readonly asGroups: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Prefer the pod's service account to `~/.kube/config` (control plane). A named kubeconfig still wins. */
  readonly inCluster?: boolean;
  /** For expiry of credentials and certificates; the machine's own by default. */
  readonly clock?: Clock;
}

/** A list answer. */
export interface KubeList<T = KubeObject> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly T[];
}
