import type { KubeObject } from "../../../base/kube-object.ts";
import { applyCustomDefaults } from "../crd/prune.ts";
import type { ResourceInfo } from "../resource-info.ts";
import { defaultPod, defaultPodSpec, podStatus } from "./pod.ts";
import { defaultService } from "./service.ts";

// biome-ignore lint/suspicious/noExplicitAny: the shapes of specs are checked by the field table, before
type Spec = Record<string, any>;

/** Fills in what the author left out, as Kubernetes does for the kind. The argument is not changed; idempotent. */
export function defaultObject(resource: ResourceInfo, source: KubeObject): KubeObject {
  if (resource.crd) return applyCustomDefaults(resource.crd, source);
  const rule = RULES[resource.bucket];
  if (!rule) return source;
  const object = structuredClone(source);
  rule(object);
  return object;
}

const RULES: Readonly<Record<string, (object: KubeObject) => void>> = {
  "/pods": (pod) => {
    defaultPodSpec((pod.spec ??= {}));
    defaultPod(pod.spec);
    pod.status ??= podStatus(pod.spec);
  },
  "/services": (service) => {
    defaultService((service.spec ??= {}));
    service.status ??= { loadBalancer: {} };
  },
  "/namespaces": (namespace) => {
    namespace.metadata.labels = {
      ...namespace.metadata.labels,
      "kubernetes.io/metadata.name": namespace.metadata.name ?? "",
    };
    // A client that knows the type sends an empty spec.
    namespace.spec = { ...namespace.spec, finalizers: namespace.spec?.finalizers ?? ["kubernetes"] };
    namespace.status ??= { phase: "Active" };
  },
  "/secrets": (secret) => {
    secret.type ??= "Opaque";
  },
  "/persistentvolumeclaims": (claim) => {
    claim.status ??= { phase: "Pending" };
    if (claim.spec) claim.spec.volumeMode ??= "Filesystem";
  },
  "/replicationcontrollers": (controller) => {
    const spec = (controller.spec ??= {});
    spec.replicas ??= 1;
    defaultTemplate(spec);
    spec.selector ??= spec.template?.metadata?.labels;
    labelLikeTemplate(controller, spec);
    controller.status ??= { replicas: 0 };
  },
  "/endpoints": (endpoints) => {
    for (const subset of endpoints.subsets ?? []) {
      for (const port of subset.ports ?? []) port.protocol ??= "TCP";
    }
  },
  "apps/deployments": (deployment) => {
    const spec = (deployment.spec ??= {});
    spec.replicas ??= 1;
    spec.revisionHistoryLimit ??= 10;
    spec.progressDeadlineSeconds ??= 600;
    const strategy = (spec.strategy ??= {});
    strategy.type ??= "RollingUpdate";
    if (strategy.type === "RollingUpdate") {
      const rolling = (strategy.rollingUpdate ??= {});
      rolling.maxUnavailable ??= "25%";
      rolling.maxSurge ??= "25%";
    }
    defaultTemplate(spec);
    deployment.status ??= {};
  },
  "apps/replicasets": (set) => {
    const spec = (set.spec ??= {});
    spec.replicas ??= 1;
    defaultTemplate(spec);
    set.status ??= { replicas: 0 };
  },
  "apps/statefulsets": (set) => {
    const spec = (set.spec ??= {});
    spec.replicas ??= 1;
    spec.revisionHistoryLimit ??= 10;
    spec.podManagementPolicy ??= "OrderedReady";
    const strategy = (spec.updateStrategy ??= {});
    strategy.type ??= "RollingUpdate";
    if (strategy.type === "RollingUpdate") (strategy.rollingUpdate ??= {}).partition ??= 0;
    const retention = (spec.persistentVolumeClaimRetentionPolicy ??= {});
    retention.whenDeleted ??= "Retain";
    retention.whenScaled ??= "Retain";
    defaultTemplate(spec);
    set.status ??= { availableReplicas: 0, replicas: 0 };
  },
  "apps/daemonsets": (set) => {
    const spec = (set.spec ??= {});
    spec.revisionHistoryLimit ??= 10;
    const strategy = (spec.updateStrategy ??= {});
    strategy.type ??= "RollingUpdate";
    if (strategy.type === "RollingUpdate") {
      const rolling = (strategy.rollingUpdate ??= {});
      rolling.maxUnavailable ??= 1;
      rolling.maxSurge ??= 0;
    }
    defaultTemplate(spec);
    set.status ??= {
      currentNumberScheduled: 0,
      desiredNumberScheduled: 0,
      numberMisscheduled: 0,
      numberReady: 0,
    };
  },
  "batch/jobs": (job) => {
    defaultJobSpec((job.spec ??= {}), job);
    labelLikeTemplate(job, job.spec);
    job.status ??= {};
  },
  "batch/cronjobs": (cron) => {
    const spec = (cron.spec ??= {});
    spec.concurrencyPolicy ??= "Allow";
    spec.suspend ??= false;
    spec.successfulJobsHistoryLimit ??= 3;
    spec.failedJobsHistoryLimit ??= 1;
    const template = (spec.jobTemplate ??= {});
    template.metadata ??= {};
    defaultTemplate((template.spec ??= {}));
    cron.status ??= {};
  },
  "policy/poddisruptionbudgets": (budget) => {
    budget.status ??= { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
  },
  "autoscaling/horizontalpodautoscalers": (scaler) => {
    (scaler.spec ??= {}).minReplicas ??= 1;
    scaler.status ??= { desiredReplicas: 0, currentMetrics: null };
  },
  "rbac.authorization.k8s.io/rolebindings": defaultSubjects,
  "rbac.authorization.k8s.io/clusterrolebindings": defaultSubjects,
  "admissionregistration.k8s.io/mutatingwebhookconfigurations": defaultWebhooks,
  "admissionregistration.k8s.io/validatingwebhookconfigurations": defaultWebhooks,
  "apiextensions.k8s.io/customresourcedefinitions": (crd) => {
    const spec = (crd.spec ??= {});
    spec.conversion ??= { strategy: "None" };
    const names = spec.names;
    if (names?.kind) {
      names.singular ??= String(names.kind).toLowerCase();
      names.listKind ??= `${names.kind}List`;
    }
  },
};

function defaultTemplate(spec: Spec): void {
  const template = spec.template;
  if (!template) return;
  template.metadata ??= {};
  defaultPodSpec((template.spec ??= {}));
}

/** The labels of an object that has none are its template's. */
function labelLikeTemplate(object: KubeObject, spec: Spec): void {
  const labels: Record<string, string> | undefined = spec.template?.metadata?.labels;
  if (labels && !object.metadata.labels) object.metadata.labels = { ...labels };
}

function defaultJobSpec(spec: Spec, job: KubeObject): void {
  // With a parallelism alone, the first success means that all the work is done.
  if (spec.parallelism === undefined) spec.completions ??= 1;
  spec.parallelism ??= 1;
  spec.backoffLimit ??= 6;
  spec.completionMode ??= "NonIndexed";
  spec.suspend ??= false;
  spec.manualSelector ??= false;
  spec.podReplacementPolicy ??= "TerminatingOrFailed";
  if (!spec.manualSelector && !spec.selector && job.metadata.uid && spec.template) {
    const label = "batch.kubernetes.io/controller-uid";
    spec.selector = { matchLabels: { [label]: job.metadata.uid } };
    const metadata = (spec.template.metadata ??= {});
    metadata.labels = {
      ...metadata.labels,
      [label]: job.metadata.uid,
      "batch.kubernetes.io/job-name": job.metadata.name ?? "",
      "controller-uid": job.metadata.uid,
      "job-name": job.metadata.name ?? "",
    };
  }
  defaultTemplate(spec);
}

function defaultSubjects(binding: KubeObject): void {
  for (const subject of binding.subjects ?? []) {
    subject.apiGroup ??= subject.kind === "ServiceAccount" ? "" : "rbac.authorization.k8s.io";
    if (subject.apiGroup === "") delete subject.apiGroup;
  }
}

function defaultWebhooks(configuration: KubeObject): void {
  for (const webhook of configuration.webhooks ?? []) {
    webhook.failurePolicy ??= "Fail";
    webhook.matchPolicy ??= "Equivalent";
    webhook.namespaceSelector ??= {};
    webhook.objectSelector ??= {};
    webhook.timeoutSeconds ??= 10;
    if (configuration.kind === "MutatingWebhookConfiguration") webhook.reinvocationPolicy ??= "Never";
    for (const rule of webhook.rules ?? []) rule.scope ??= "*";
    if (webhook.clientConfig?.service) webhook.clientConfig.service.port ??= 443;
  }
}
