/** A kind of which an installation may own objects, and where they are listed. */
export interface OwnedKind {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  /** Goes with the control plane's namespace, when it is in it. */
  readonly namespaced: boolean;
}

/** In the order in which they are printed: what gives rights and what intercepts first, the namespace last. */
export const OWNED_KINDS: readonly OwnedKind[] = [
  global("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles"),
  global("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings"),
  local("rbac.authorization.k8s.io/v1", "Role", "roles"),
  local("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings"),
  global("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions"),
  global("apiregistration.k8s.io/v1", "APIService", "apiservices"),
  global("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "mutatingwebhookconfigurations"),
  global(
    "admissionregistration.k8s.io/v1",
    "ValidatingWebhookConfiguration",
    "validatingwebhookconfigurations",
  ),
  local("v1", "ServiceAccount", "serviceaccounts"),
  local("v1", "ConfigMap", "configmaps"),
  local("v1", "Secret", "secrets"),
  local("v1", "Service", "services"),
  local("apps/v1", "Deployment", "deployments"),
  local("apps/v1", "DaemonSet", "daemonsets"),
  local("batch/v1", "CronJob", "cronjobs"),
  local("batch/v1", "Job", "jobs"),
  local("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
  local("meshctl.io/v1alpha2", "ServiceProfile", "serviceprofiles"),
  local("policy.meshctl.io/v1beta3", "Server", "servers"),
  local("policy.meshctl.io/v1beta1", "ServerAuthorization", "serverauthorizations"),
  local("policy.meshctl.io/v1alpha1", "AuthorizationPolicy", "authorizationpolicies"),
  local("policy.meshctl.io/v1alpha1", "MeshTLSAuthentication", "meshtlsauthentications"),
  local("policy.meshctl.io/v1alpha1", "NetworkAuthentication", "networkauthentications"),
  local("policy.meshctl.io/v1beta3", "HTTPRoute", "httproutes"),
  global("v1", "Namespace", "namespaces"),
];

/** Path of all objects of a kind. */
export function listPath({ apiVersion, plural }: OwnedKind): string {
  return apiVersion === "v1" ? `/api/v1/${plural}` : `/apis/${apiVersion}/${plural}`;
}

function global(apiVersion: string, kind: string, plural: string): OwnedKind {
  return { apiVersion, kind, plural, namespaced: false };
}

function local(apiVersion: string, kind: string, plural: string): OwnedKind {
  return { apiVersion, kind, plural, namespaced: true };
}
