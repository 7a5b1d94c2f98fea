import type { KubeObject } from "../../../base/kube-object.ts";
import type { Column } from "./column.ts";
import { AGE, NAME, wide } from "./common.ts";

const CREATED: Column = {
  name: "Created At",
  type: "date",
  cell: (object) => object.metadata.creationTimestamp ?? "",
};
const count = (
  name: string,
  size: (object: KubeObject) => number,
  type: "integer" | "string" = "integer",
): Column => ({ name, type, cell: size });
const keys = (value: object | undefined) => Object.keys(value ?? {}).length;

const BINDING: readonly Column[] = [
  NAME,
  { name: "Role", cell: (binding) => `${binding.roleRef?.kind}/${binding.roleRef?.name}` },
  AGE,
  wide({ name: "Users", cell: (binding) => subjects(binding, "User") }),
  wide({ name: "Groups", cell: (binding) => subjects(binding, "Group") }),
  wide({ name: "ServiceAccounts", cell: (binding) => subjects(binding, "ServiceAccount") }),
];

const WEBHOOKS: readonly Column[] = [
  NAME,
  count("Webhooks", (object) => (object.webhooks ?? []).length),
  AGE,
];

export const CONFIG_COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  "/namespaces": [NAME, { name: "Status", cell: (namespace) => namespace.status?.phase ?? "" }, AGE],
  "/configmaps": [
    NAME,
    count("Data", (object) => keys(object.data) + keys(object.binaryData), "string"),
    AGE,
  ],
  "/secrets": [
    NAME,
    { name: "Type", cell: (secret) => secret.type ?? "" },
    count("Data", (object) => keys(object.data), "string"),
    AGE,
  ],
  "/serviceaccounts": [NAME, AGE],
  "/persistentvolumeclaims": [
    NAME,
    { name: "Status", cell: (claim) => claim.status?.phase ?? "" },
    { name: "Volume", cell: (claim) => claim.spec?.volumeName ?? "" },
    { name: "Capacity", cell: (claim) => claim.status?.capacity?.storage ?? "" },
    { name: "Access Modes", cell: (claim) => (claim.status?.accessModes ?? []).join(",") },
    { name: "StorageClass", cell: (claim) => claim.spec?.storageClassName ?? "" },
    { name: "VolumeAttributesClass", cell: (claim) => claim.spec?.volumeAttributesClassName ?? "<unset>" },
    AGE,
    wide({ name: "VolumeMode", cell: (claim) => claim.spec?.volumeMode ?? "" }),
  ],
  "coordination.k8s.io/leases": [
    NAME,
    { name: "Holder", cell: (lease) => lease.spec?.holderIdentity ?? "" },
    AGE,
  ],
  "rbac.authorization.k8s.io/roles": [NAME, CREATED],
  "rbac.authorization.k8s.io/clusterroles": [NAME, CREATED],
  "rbac.authorization.k8s.io/rolebindings": BINDING,
  "rbac.authorization.k8s.io/clusterrolebindings": BINDING,
  "admissionregistration.k8s.io/mutatingwebhookconfigurations": WEBHOOKS,
  "admissionregistration.k8s.io/validatingwebhookconfigurations": WEBHOOKS,
  "apiextensions.k8s.io/customresourcedefinitions": [NAME, CREATED],
  "policy/poddisruptionbudgets": [
    NAME,
    { name: "Min Available", cell: (budget) => String(budget.spec?.minAvailable ?? "N/A") },
    { name: "Max Unavailable", cell: (budget) => String(budget.spec?.maxUnavailable ?? "N/A") },
    count("Allowed Disruptions", (budget) => budget.status?.disruptionsAllowed ?? 0),
    AGE,
  ],
  "autoscaling/horizontalpodautoscalers": [
    NAME,
    {
      name: "Reference",
      cell: (hpa) => `${hpa.spec?.scaleTargetRef?.kind}/${hpa.spec?.scaleTargetRef?.name}`,
    },
    { name: "Targets", cell: targets },
    { name: "MinPods", cell: (hpa) => String(hpa.spec?.minReplicas ?? 1) },
    count("MaxPods", (hpa) => hpa.spec?.maxReplicas ?? 0, "string"),
    count("Replicas", (hpa) => hpa.status?.currentReplicas ?? 0, "string"),
    AGE,
  ],
};

/** Nothing measures here, so that current values are unknown. */
function targets(scaler: KubeObject): string {
  const metrics: { type: string; resource?: { name: string; target: Record<string, unknown> } }[] =
    scaler.spec?.metrics ?? [];
  const texts = metrics.map(({ type, resource }) => {
    if (type !== "Resource" || !resource) return "<unknown>";
    const { averageUtilization, averageValue } = resource.target;
    const wanted = averageUtilization === undefined ? String(averageValue) : `${averageUtilization}%`;
    return `${resource.name}: <unknown>/${wanted}`;
  });
  return texts.length === 0 ? "<none>" : texts.join(", ");
}

function subjects(binding: KubeObject, kind: string): string {
  const list: { kind: string; name: string; namespace?: string }[] = binding.subjects ?? [];
  return list
    .filter((subject) => subject.kind === kind)
    .map((subject) =>
      kind === "ServiceAccount" ? `${subject.namespace ?? ""}/${subject.name}` : subject.name,
    )
    .join(", ");
}
