import type { KubeObject } from "../../../base/kube-object.ts";
import type { RequestContext } from "../context.ts";
import type { ResourceInfo } from "../resource-info.ts";

export type AdmissionOperation = "CREATE" | "UPDATE" | "DELETE";

/** What a plugin judges. On DELETE `object` is the one that goes. */
export interface AdmissionRequest {
  readonly context: RequestContext;
  readonly operation: AdmissionOperation;
  readonly resource: ResourceInfo;
  readonly object: KubeObject;
  readonly old: KubeObject | undefined;
  readonly subresource: string | undefined;
}

/** One step of admission. It refuses by throwing. */
export interface AdmissionPlugin {
  mutate?(request: AdmissionRequest): Promise<KubeObject> | KubeObject;
  validate?(request: AdmissionRequest): Promise<void> | void;
}

/** The plugins, in order. */
export interface Admission {
  mutate(
    context: RequestContext,
    operation: AdmissionOperation,
    resource: ResourceInfo,
    object: KubeObject,
    old: KubeObject | undefined,
    subresource: string | undefined,
  ): Promise<KubeObject>;
  validate(
    context: RequestContext,
    operation: AdmissionOperation,
    resource: ResourceInfo,
    object: KubeObject,
    old: KubeObject | undefined,
    subresource: string | undefined,
  ): Promise<void>;
}

export function createAdmission(plugins: readonly AdmissionPlugin[]): Admission {
  return {
    async mutate(context, operation, resource, object, old, subresource) {
      let current = object;
      for (const plugin of plugins) {
        if (!plugin.mutate) continue;
        current = await plugin.mutate({ context, operation, resource, object: current, old, subresource });
      }
      return current;
    },
    async validate(context, operation, resource, object, old, subresource) {
      for (const plugin of plugins) {
        await plugin.validate?.({ context, operation, resource, object, old, subresource });
      }
    },
  };
}
