/** Names that are ours: Kubernetes metadata keys, objects, ports, headers. See design section 2. */

export const DEFAULT_NAMESPACE = "meshctl";
export const CONFIG_MAP_NAME = "meshctl-config";
/** Secret with what an installation was asked for beyond the defaults: `upgrade` starts from it. */
export const OVERRIDES_SECRET_NAME = "meshctl-config-overrides";
export const TRUST_ROOTS_NAME = "meshctl-identity-trust-roots";
export const ISSUER_SECRET_NAME = "meshctl-identity-issuer";
export const INJECTOR_TLS_SECRET_NAME = "meshctl-injector-k8s-tls";

export const PROXY_CONTAINER = "meshctl-proxy";
export const INIT_CONTAINER = "meshctl-init";
export const DEBUG_CONTAINER = "meshctl-debug";
export const IDENTITY_SERVICE = "meshctl-identity";
export const DESTINATION_SERVICE = "meshctl-dst";
export const POLICY_SERVICE = "meshctl-policy";
export const INJECTOR_SERVICE = "meshctl-injector";
export const CONTROLLER_NAME = "meshctl-controller";
/** Namespace whose EgressNetworks hold for clients of every namespace that has none of its own. */
export const EGRESS_NAMESPACE = "meshctl-egress";
/** Lease of the controller that writes statuses. */
export const STATUS_LEASE_NAME = "meshctl-policy-status";

export const INJECT_ANNOTATION = "meshctl.io/inject";
export const CREATED_BY_ANNOTATION = "meshctl.io/created-by";
export const PROXY_VERSION_ANNOTATION = "meshctl.io/proxy-version";
export const TRUST_ROOT_ANNOTATION = "meshctl.io/trust-root-sha256";
/** Prefix of every configuration annotation: `config.meshctl.io/<name>`. */
export const CONFIG_PREFIX = "config.meshctl.io/";
export const CONTROL_PLANE_NS_LABEL = "meshctl.io/control-plane-ns";
export const WORKLOAD_NS_LABEL = "meshctl.io/workload-ns";
export const COMPONENT_LABEL = "meshctl.io/control-plane-component";
export const ADMISSION_LABEL = "config.meshctl.io/admission-webhooks";
/** Prefix of the owner label on meshed pods: `meshctl.io/proxy-<kind>` = owner name. */
export const OWNER_LABEL_PREFIX = "meshctl.io/proxy-";

export const OUTBOUND_PORT = 4140;
export const INBOUND_PORT = 4143;
export const TAP_PORT = 4190;
export const ADMIN_PORT = 4191;
export const DESTINATION_PORT = 8086;
export const POLICY_PORT = 8090;
export const IDENTITY_PORT = 8080;
export const INJECTOR_PORT = 8443;
/** HTTP admin port (`/live`, `/ready`, `/metrics`) of the control plane's processes. */
export const CONTROL_ADMIN_PORT = 9990;

/** Audience of the service-account token that identity reviews: the wire is Linkerd's. */
export const TOKEN_AUDIENCE = "identity.l5d.io";
export const TRANSPORT_ALPN = "transport.l5d.io/v1";

/** `<sa>.<ns>.serviceaccount.identity.<control-plane-ns>.<trust-domain>` */
export function workloadIdentity(
  serviceAccount: string,
  namespace: string,
  controlPlaneNamespace: string,
  trustDomain: string,
): string {
  return `${serviceAccount}.${namespace}.serviceaccount.identity.${controlPlaneNamespace}.${trustDomain}`;
}
