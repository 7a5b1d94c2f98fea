import type { KubeObject } from "../base/kube-object.ts";

/**
 * What any source of objects says (design section 6): a re-list is `init`, an `init-apply` for each object, `init-done`;
 * then changes. Readers swap at `init-done`; what was not re-listed counts as deleted.
 */
export type SourceEvent =
  | { readonly type: "init" }
  | { readonly type: "init-apply"; readonly object: KubeObject }
  | { readonly type: "init-done" }
  | { readonly type: "apply"; readonly object: KubeObject }
  | { readonly type: "delete"; readonly object: KubeObject };

/** A resource to watch: `{ group: "", version: "v1", plural: "pods" }`. */
export interface ResourceRef {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
}

/** Where objects come from: the Kubernetes API, a directory, or an array in tests. */
export interface Source {
  /** Calls `listener` for each event, in order, until the signal aborts. Never rejects for a passing fault: it retries. */
  run(resource: ResourceRef, listener: (event: SourceEvent) => void, signal: AbortSignal): Promise<void>;
}
