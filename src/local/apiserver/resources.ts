import { ALL_VERBS, type ResourceInfo, type Subresource } from "./resource-info.ts";

/** A row of the table: what differs from a plain namespaced resource with every verb. */
interface Row {
  readonly group?: string;
  readonly version?: string;
  readonly plural: string;
  readonly kind: string;
  readonly fields?: string;
  readonly short?: readonly string[];
  readonly all?: true;
  /** A category beside `all`. */
  readonly category?: string;
  readonly cluster?: true;
  readonly generation?: true;
  readonly sub?: readonly Subresource[];
  readonly verbs?: readonly string[];
  readonly bucket?: string;
}

const GET_PATCH_UPDATE = ["get", "patch", "update"];
const STATUS = (kind: string): Subresource => ({ name: "status", kind, verbs: GET_PATCH_UPDATE });
const SCALE: Subresource = {
  name: "scale",
  kind: "Scale",
  group: "autoscaling",
  version: "v1",
  verbs: GET_PATCH_UPDATE,
};
const CONNECT_VERBS = ["create", "delete", "get", "patch", "update"];
const REVIEW_VERBS: readonly string[] = ["create"];

const ROWS: readonly Row[] = [
  { plural: "bindings", kind: "Binding", fields: "V1Binding", verbs: ["create"] },
  { plural: "configmaps", kind: "ConfigMap", short: ["cm"] },
  { plural: "endpoints", kind: "Endpoints", short: ["ep"] },
  { plural: "events", kind: "Event", short: ["ev"], fields: "CoreV1Event" },
  {
    plural: "namespaces",
    kind: "Namespace",
    short: ["ns"],
    cluster: true,
    sub: [{ name: "finalize", kind: "Namespace", verbs: ["update"] }, STATUS("Namespace")],
    verbs: ALL_VERBS.filter((verb) => verb !== "deletecollection"),
  },
  { plural: "nodes", kind: "Node", short: ["no"], cluster: true, sub: [STATUS("Node")] },
  {
    plural: "persistentvolumeclaims",
    kind: "PersistentVolumeClaim",
    short: ["pvc"],
    sub: [STATUS("PersistentVolumeClaim")],
  },
  {
    plural: "pods",
    kind: "Pod",
    short: ["po"],
    all: true,
    generation: true,
    sub: [
      { name: "attach", kind: "PodAttachOptions", verbs: ["create", "get"] },
      { name: "binding", kind: "Binding", verbs: ["create"] },
      { name: "eviction", kind: "Eviction", group: "policy", version: "v1", verbs: ["create"] },
      { name: "exec", kind: "PodExecOptions", verbs: ["create", "get"] },
      { name: "log", kind: "Pod", verbs: ["get"] },
      { name: "portforward", kind: "PodPortForwardOptions", verbs: ["create", "get"] },
      { name: "proxy", kind: "PodProxyOptions", verbs: CONNECT_VERBS },
      STATUS("Pod"),
    ],
  },
  {
    plural: "replicationcontrollers",
    kind: "ReplicationController",
    short: ["rc"],
    all: true,
    generation: true,
    sub: [SCALE, STATUS("ReplicationController")],
  },
  { plural: "secrets", kind: "Secret" },
  {
    plural: "serviceaccounts",
    kind: "ServiceAccount",
    short: ["sa"],
    sub: [
      {
        name: "token",
        kind: "TokenRequest",
        group: "authentication.k8s.io",
        version: "v1",
        verbs: ["create"],
      },
    ],
  },
  {
    plural: "services",
    kind: "Service",
    short: ["svc"],
    all: true,
    sub: [{ name: "proxy", kind: "ServiceProxyOptions", verbs: CONNECT_VERBS }, STATUS("Service")],
  },
  ...(["deployments", "replicasets", "statefulsets"] as const).map(
    (plural): Row => ({
      group: "apps",
      plural,
      kind: { deployments: "Deployment", replicasets: "ReplicaSet", statefulsets: "StatefulSet" }[plural],
      short: [{ deployments: "deploy", replicasets: "rs", statefulsets: "sts" }[plural]],
      all: true,
      generation: true,
      sub: [
        SCALE,
        STATUS({ deployments: "Deployment", replicasets: "ReplicaSet", statefulsets: "StatefulSet" }[plural]),
      ],
    }),
  ),
  {
    group: "apps",
    plural: "daemonsets",
    kind: "DaemonSet",
    short: ["ds"],
    all: true,
    generation: true,
    sub: [STATUS("DaemonSet")],
  },
  { group: "apps", plural: "controllerrevisions", kind: "ControllerRevision" },
  {
    group: "batch",
    plural: "cronjobs",
    kind: "CronJob",
    short: ["cj"],
    all: true,
    generation: true,
    sub: [STATUS("CronJob")],
  },
  { group: "batch", plural: "jobs", kind: "Job", all: true, generation: true, sub: [STATUS("Job")] },
  { group: "discovery.k8s.io", plural: "endpointslices", kind: "EndpointSlice", generation: true },
  { group: "coordination.k8s.io", plural: "leases", kind: "Lease" },
  { group: "rbac.authorization.k8s.io", plural: "roles", kind: "Role" },
  { group: "rbac.authorization.k8s.io", plural: "rolebindings", kind: "RoleBinding" },
  { group: "rbac.authorization.k8s.io", plural: "clusterroles", kind: "ClusterRole", cluster: true },
  {
    group: "rbac.authorization.k8s.io",
    plural: "clusterrolebindings",
    kind: "ClusterRoleBinding",
    cluster: true,
  },
  {
    group: "admissionregistration.k8s.io",
    plural: "mutatingwebhookconfigurations",
    kind: "MutatingWebhookConfiguration",
    category: "api-extensions",
    cluster: true,
    generation: true,
  },
  {
    group: "admissionregistration.k8s.io",
    plural: "validatingwebhookconfigurations",
    kind: "ValidatingWebhookConfiguration",
    category: "api-extensions",
    cluster: true,
    generation: true,
  },
  {
    group: "apiextensions.k8s.io",
    plural: "customresourcedefinitions",
    kind: "CustomResourceDefinition",
    category: "api-extensions",
    short: ["crd", "crds"],
    cluster: true,
    generation: true,
    sub: [STATUS("CustomResourceDefinition")],
  },
  {
    group: "policy",
    plural: "poddisruptionbudgets",
    kind: "PodDisruptionBudget",
    short: ["pdb"],
    generation: true,
    sub: [STATUS("PodDisruptionBudget")],
  },
  {
    group: "autoscaling",
    version: "v2",
    plural: "horizontalpodautoscalers",
    kind: "HorizontalPodAutoscaler",
    fields: "V2HorizontalPodAutoscaler",
    short: ["hpa"],
    all: true,
    sub: [STATUS("HorizontalPodAutoscaler")],
  },
  {
    group: "events.k8s.io",
    plural: "events",
    kind: "Event",
    short: ["ev"],
    fields: "EventsV1Event",
    bucket: "/events",
  },
  {
    group: "authentication.k8s.io",
    plural: "tokenreviews",
    kind: "TokenReview",
    cluster: true,
    ...reviewOf("V1TokenReview"),
  },
  {
    group: "authentication.k8s.io",
    plural: "selfsubjectreviews",
    kind: "SelfSubjectReview",
    cluster: true,
    verbs: REVIEW_VERBS,
  },
  {
    group: "authorization.k8s.io",
    plural: "subjectaccessreviews",
    kind: "SubjectAccessReview",
    cluster: true,
    ...reviewOf("V1SubjectAccessReview"),
  },
  {
    group: "authorization.k8s.io",
    plural: "selfsubjectaccessreviews",
    kind: "SelfSubjectAccessReview",
    cluster: true,
    ...reviewOf("V1SelfSubjectAccessReview"),
  },
  {
    group: "authorization.k8s.io",
    plural: "localsubjectaccessreviews",
    kind: "LocalSubjectAccessReview",
    ...reviewOf("V1SubjectAccessReview"),
  },
  {
    group: "authorization.k8s.io",
    plural: "selfsubjectrulesreviews",
    kind: "SelfSubjectRulesReview",
    cluster: true,
    ...reviewOf("V1SelfSubjectRulesReview"),
  },
];

function reviewOf(fields: string): { fields: string; verbs: readonly string[] } {
  return { fields, verbs: REVIEW_VERBS };
}

/** What exists without any CustomResourceDefinition. */
export const BUILT_IN_RESOURCES: readonly ResourceInfo[] = ROWS.map((row) => {
  const group = row.group ?? "";
  const unknownFields = row.kind === "SelfSubjectReview";
  return {
    group,
    version: row.version ?? "v1",
    plural: row.plural,
    singular: row.kind.toLowerCase(),
    kind: row.kind,
    namespaced: !row.cluster,
    shortNames: row.short ?? [],
    categories: [...(row.all ? ["all"] : []), ...(row.category ? [row.category] : [])],
    verbs: row.verbs ?? ALL_VERBS,
    subresources: row.sub ?? [],
    hasGeneration: row.generation ?? false,
    fields: unknownFields ? undefined : (row.fields ?? `V1${row.kind}`),
    bucket: row.bucket ?? `${group}/${row.plural}`,
    crd: undefined,
  };
});
