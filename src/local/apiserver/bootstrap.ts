import type { KubeObject } from "../../base/kube-object.ts";
import { newIdentity } from "./prepare.ts";
import type { Store } from "./store.ts";

const RBAC = "rbac.authorization.k8s.io/v1";
const READ = ["get", "list", "watch"];
const WRITE = ["create", "delete", "deletecollection", "patch", "update"];
const DISCOVERY_PATHS = [
  "/api",
  "/api/*",
  "/apis",
  "/apis/*",
  "/healthz",
  "/livez",
  "/openapi",
  "/openapi/*",
  "/readyz",
  "/version",
  "/version/",
];

/** What a namespaced role may see and touch; secrets only from `edit` on. */
const VIEWABLE = [
  {
    apiGroups: [""],
    resources: [
      "bindings",
      "configmaps",
      "endpoints",
      "events",
      "namespaces",
      "persistentvolumeclaims",
      "pods",
      "pods/log",
      "pods/status",
      "replicationcontrollers",
      "replicationcontrollers/scale",
      "serviceaccounts",
      "services",
      "services/status",
    ],
  },
  { apiGroups: ["apps"], resources: ["*"] },
  { apiGroups: ["batch"], resources: ["*"] },
  { apiGroups: ["autoscaling"], resources: ["*"] },
  { apiGroups: ["policy"], resources: ["poddisruptionbudgets"] },
  { apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"] },
];
const EDITABLE = [
  {
    apiGroups: [""],
    resources: [
      "configmaps",
      "endpoints",
      "events",
      "persistentvolumeclaims",
      "pods",
      "pods/attach",
      "pods/eviction",
      "pods/exec",
      "pods/portforward",
      "pods/proxy",
      "replicationcontrollers",
      "replicationcontrollers/scale",
      "secrets",
      "serviceaccounts",
      "services",
      "services/proxy",
    ],
  },
  ...["apps", "batch", "autoscaling"].map((group) => ({ apiGroups: [group], resources: ["*"] })),
  { apiGroups: ["policy"], resources: ["poddisruptionbudgets"] },
];
const VIEW_RULES = VIEWABLE.map((rule) => ({ ...rule, verbs: READ }));
const EDIT_RULES = [
  ...VIEW_RULES,
  ...EDITABLE.map((rule) => ({ ...rule, verbs: [...READ, ...WRITE] })),
  { apiGroups: [""], resources: ["serviceaccounts/token"], verbs: ["create"] },
];
const ADMIN_RULES = [
  ...EDIT_RULES,
  {
    apiGroups: ["rbac.authorization.k8s.io"],
    resources: ["roles", "rolebindings"],
    verbs: [...READ, ...WRITE],
  },
  { apiGroups: ["authorization.k8s.io"], resources: ["localsubjectaccessreviews"], verbs: ["create"] },
];

const ROLES: Readonly<Record<string, readonly object[]>> = {
  "cluster-admin": [
    { apiGroups: ["*"], resources: ["*"], verbs: ["*"] },
    { nonResourceURLs: ["*"], verbs: ["*"] },
  ],
  admin: ADMIN_RULES,
  edit: EDIT_RULES,
  view: VIEW_RULES,
  "system:discovery": [{ nonResourceURLs: DISCOVERY_PATHS, verbs: ["get"] }],
  "system:public-info-viewer": [
    { nonResourceURLs: ["/healthz", "/livez", "/readyz", "/version", "/version/"], verbs: ["get"] },
  ],
  "system:service-account-issuer-discovery": [
    {
      nonResourceURLs: [
        "/.well-known/openid-configuration",
        "/.well-known/openid-configuration/",
        "/openid/v1/jwks",
        "/openid/v1/jwks/",
      ],
      verbs: ["get"],
    },
  ],
  "system:basic-user": [
    {
      apiGroups: ["authorization.k8s.io"],
      resources: ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
      verbs: ["create"],
    },
    { apiGroups: ["authentication.k8s.io"], resources: ["selfsubjectreviews"], verbs: ["create"] },
  ],
  "system:auth-delegator": [
    { apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"] },
    { apiGroups: ["authorization.k8s.io"], resources: ["subjectaccessreviews"], verbs: ["create"] },
  ],
};

/** Cluster role -> the group that everybody in it gets it by. */
const BINDINGS: Readonly<Record<string, string>> = {
  "cluster-admin": "system:masters",
  "system:discovery": "system:authenticated",
  "system:public-info-viewer": "system:authenticated",
  "system:basic-user": "system:authenticated",
  "system:service-account-issuer-discovery": "system:serviceaccounts",
};

/** Writes what a fresh cluster holds: its namespaces, the default cluster roles and their bindings. */
export function bootstrapObjects(store: Store, nowMs: number): void {
  const put = (bucket: string, object: Omit<KubeObject, "metadata"> & { metadata: object }): void => {
    const { namespace = "", name } = object.metadata as { namespace?: string; name: string };
    // A cluster that has lived before has it, with what has been done to it.
    if (store.get(bucket, namespace, name)) return;
    store.put(bucket, { ...object, metadata: { ...object.metadata, ...newIdentity(nowMs) } } as KubeObject);
  };
  for (const name of ["default", "kube-system", "kube-public", "kube-node-lease"]) {
    put("/namespaces", {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name, labels: { "kubernetes.io/metadata.name": name } },
      spec: { finalizers: ["kubernetes"] },
      status: { phase: "Active" },
    });
  }
  const labels = { "kubernetes.io/bootstrapping": "rbac-defaults" };
  for (const [name, rules] of Object.entries(ROLES)) {
    put("rbac.authorization.k8s.io/clusterroles", {
      apiVersion: RBAC,
      kind: "ClusterRole",
      metadata: { name, labels },
      rules,
    });
  }
  for (const [name, group] of Object.entries(BINDINGS)) {
    put("rbac.authorization.k8s.io/clusterrolebindings", {
      apiVersion: RBAC,
      kind: "ClusterRoleBinding",
      metadata: { name, labels },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: group }],
    });
  }
}
