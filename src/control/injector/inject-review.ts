import type { JsonPatchOperation, KubeObject } from "../../base/kube-object.ts";
import type { Logger } from "../../base/log.ts";
import { reasonText } from "../../inject/decision.ts";
import { injectPod, injectService } from "../../inject/inject-pod.ts";
import type { Values } from "../../values/values.ts";
import type { AdmissionRequest } from "./admission-review.ts";
import type { Owner } from "./owners.ts";

export interface InjectReviewOptions {
  readonly values: () => Values;
  readonly namespace: (name: string) => Promise<KubeObject | undefined>;
  readonly owner: (pod: KubeObject, namespace: string) => Promise<Owner | undefined>;
  /** Best effort. */
  readonly event: (event: InjectEvent) => void;
  readonly log: Logger;
}

export interface InjectEvent {
  readonly reason: "Injected" | "InjectionSkipped";
  readonly message: string;
  readonly namespace: string;
  readonly owner: Owner;
}

/**
 * What to change about an object that is being created: a pod gets a proxy, a Service its opaque ports, all else nothing.
 *
 * @throws whatever makes the values unreadable: the caller answers 500, so that the webhook's failurePolicy decides
 */
export async function reviewInjection(
  options: InjectReviewOptions,
  request: AdmissionRequest,
): Promise<{ readonly patch: readonly JsonPatchOperation[]; readonly warnings: readonly string[] }> {
  const { object } = request;
  const namespace = await options.namespace(request.namespace);
  if (object.kind === "Service") {
    return { patch: injectService(object, namespace, options.values()), warnings: [] };
  }
  if (object.kind !== "Pod") return { patch: [], warnings: [] };
  const owner = await options.owner(object, request.namespace);
  const { patch, report } = injectPod({
    pod: object,
    namespace,
    owner,
    values: options.values(),
    mode: "webhook",
  });
  const name = object.metadata.name ?? object.metadata.generateName ?? "";
  const reasons = report.reasons.map(reasonText).join("; ");
  options.log.info(report.injected ? "pod injected" : "pod not injected", {
    pod: `${request.namespace}/${name}`,
    owner: owner && `${owner.kind}/${owner.name}`,
    reasons: reasons || undefined,
  });
  // Every pod without the annotation would make an event; only those whose author asked for a proxy are worth one.
  const isAbsent = report.reasons.includes("injection_enable_annotation_absent");
  if (owner && (report.injected || !isAbsent)) {
    options.event({
      reason: report.injected ? "Injected" : "InjectionSkipped",
      message: report.injected ? "meshctl proxy injected" : `meshctl proxy injection skipped: ${reasons}`,
      namespace: request.namespace,
      owner,
    });
  }
  return { patch, warnings: report.warnings };
}
