import { createHash } from "node:crypto";
import type { KubeObject } from "../base/kube-object.ts";
import {
  CONFIG_MAP_NAME,
  CONTROL_PLANE_NS_LABEL,
  CONTROLLER_NAME,
  CREATED_BY_ANNOTATION,
  DEFAULT_NAMESPACE,
  IDENTITY_SERVICE,
  INJECTOR_TLS_SECRET_NAME,
  ISSUER_SECRET_NAME,
  OVERRIDES_SECRET_NAME,
  TRUST_ROOT_ANNOTATION,
  TRUST_ROOTS_NAME,
  WORKLOAD_NS_LABEL,
} from "../base/names.ts";
import { trustDomainOf } from "../values/defaults.ts";
import { OVERRIDES_KEY, overridesOf } from "../values/overrides.ts";
import type { ResourceValues, Values } from "../values/values.ts";
import { treeToYaml, VALUES_KEY, valuesToYaml } from "../values/yaml.ts";
import { controllerArgs, identityArgs } from "./control-plane-args.ts";
import type { KeyPair } from "./credentials.ts";
import { withHighAvailability } from "./high-availability.ts";
import { CONTROL_PLANE_FILES, CRD_FILES, loadManifests } from "./manifests.ts";

export interface RenderRequest {
  /** `identityTrustAnchorsPem` is set. */
  readonly values: Values;
  /** Undefined: the operator supplies Secret `meshctl-identity-issuer` (scheme `kubernetes.io/tls`). */
  readonly issuer: KeyPair | undefined;
  readonly webhook: KeyPair;
}

/** The custom resource definitions. */
export function renderCrds(values: Pick<Values, "namespace" | "meshctlVersion">): KubeObject[] {
  const objects = loadManifests(CRD_FILES);
  for (const object of objects) stamp(object, values);
  return objects;
}

/** The control plane: Namespace first, webhook last. Plain objects; nothing here reads a cluster. */
export function renderControlPlane(request: RenderRequest): KubeObject[] {
  const { values, issuer, webhook } = request;
  // What the ConfigMap keeps says everything, so that readers need no defaulting of the trust domain.
  const stored = { ...values, identityTrustDomain: trustDomainOf(values) };
  const objects = loadManifests(CONTROL_PLANE_FILES).filter(
    (object) => issuer !== undefined || object.metadata.name !== ISSUER_SECRET_NAME,
  );
  for (const object of objects) {
    moveToNamespace(object, values.namespace);
    stamp(object, values);
  }
  find(objects, "ConfigMap", CONFIG_MAP_NAME).data = { [VALUES_KEY]: valuesToYaml(stored) };
  find(objects, "Secret", OVERRIDES_SECRET_NAME).data = {
    [OVERRIDES_KEY]: base64(treeToYaml(overridesOf(values))),
  };
  find(objects, "ConfigMap", TRUST_ROOTS_NAME).data = { "ca-bundle.crt": values.identityTrustAnchorsPem };
  if (issuer) {
    find(objects, "Secret", ISSUER_SECRET_NAME).data = {
      "crt.pem": base64(issuer.certificatePem),
      "key.pem": base64(issuer.privateKeyPem),
    };
  }
  find(objects, "Secret", INJECTOR_TLS_SECRET_NAME).data = {
    "tls.crt": base64(webhook.certificatePem),
    "tls.key": base64(webhook.privateKeyPem),
  };
  for (const kind of WEBHOOK_KINDS) {
    for (const hook of find(objects, kind).webhooks) {
      hook.failurePolicy = values.webhookFailurePolicy;
      hook.clientConfig.caBundle = base64(webhook.certificatePem);
    }
  }
  setDeployment(find(objects, "Deployment", IDENTITY_SERVICE), values, identityArgs(stored));
  setDeployment(find(objects, "Deployment", CONTROLLER_NAME), values, controllerArgs(stored));
  return values.highAvailability ? withHighAvailability(objects, values.namespace) : objects;
}

/** The injector's and that of the policies: the same server answers both. */
const WEBHOOK_KINDS = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"] as const;

function setDeployment(deployment: KubeObject, values: Values, args: readonly string[]): void {
  const labels = deployment.metadata.labels!;
  labels["app.kubernetes.io/version"] = values.image.version || values.meshctlVersion;
  const { spec } = deployment;
  spec.replicas = values.controllerReplicas;
  const { metadata, spec: pod } = spec.template;
  metadata.labels[CONTROL_PLANE_NS_LABEL] = values.namespace;
  metadata.labels[WORKLOAD_NS_LABEL] = values.namespace;
  metadata.annotations[CREATED_BY_ANNOTATION] = createdBy(values);
  // Identity reads the anchors once: with others, its pods have to be replaced.
  metadata.annotations[TRUST_ROOT_ANNOTATION] = sha256(values.identityTrustAnchorsPem);
  spec.selector.matchLabels[CONTROL_PLANE_NS_LABEL] = values.namespace;
  const [container] = pod.containers;
  const { name, version, pullPolicy } = values.image;
  container.image = version === "" ? name : `${name}:${version}`;
  container.imagePullPolicy = pullPolicy;
  container.args = [...args];
  container.securityContext.runAsUser = values.controllerUid;
  if (values.controllerGid >= 0) container.securityContext.runAsGroup = values.controllerGid;
  container.resources = resourcesOf(values.controllerResources);
}

/** As a container has them; what is "" is left out. */
function resourcesOf({ cpu, memory }: ResourceValues): Record<string, Record<string, string>> {
  const pick = (name: "request" | "limit") =>
    Object.entries({ cpu: cpu[name], memory: memory[name] }).filter(([, quantity]) => quantity !== "");
  const [requests, limits] = [pick("request"), pick("limit")];
  return {
    ...(requests.length > 0 ? { requests: Object.fromEntries(requests) } : {}),
    ...(limits.length > 0 ? { limits: Object.fromEntries(limits) } : {}),
  };
}

/** The manifests are written for the default namespace. Cluster-wide names carry the namespace in any other. */
function moveToNamespace(object: KubeObject, namespace: string): void {
  if (namespace === DEFAULT_NAMESPACE) return;
  const clusterWide = (name: string) => name.replace(/^meshctl-/, `meshctl-${namespace}-`);
  if (object.metadata.namespace !== undefined) object.metadata.namespace = namespace;
  switch (object.kind) {
    case "Namespace":
      object.metadata.name = namespace;
      break;
    case "ClusterRole":
      object.metadata.name = clusterWide(object.metadata.name!);
      break;
    case "ClusterRoleBinding":
      object.metadata.name = clusterWide(object.metadata.name!);
      object.roleRef.name = clusterWide(object.roleRef.name);
      for (const subject of object.subjects) subject.namespace = namespace;
      break;
    case "RoleBinding":
      for (const subject of object.subjects) subject.namespace = namespace;
      break;
    case "MutatingWebhookConfiguration":
    case "ValidatingWebhookConfiguration":
      object.metadata.name = clusterWide(object.metadata.name!);
      for (const hook of object.webhooks) hook.clientConfig.service.namespace = namespace;
      break;
  }
}

/** Who made it, and whose it is: `uninstall` and `check` find objects by this label. */
function stamp(object: KubeObject, values: Pick<Values, "namespace" | "meshctlVersion">): void {
  object.metadata.annotations = {
    ...object.metadata.annotations,
    [CREATED_BY_ANNOTATION]: createdBy(values),
  };
  object.metadata.labels = { ...object.metadata.labels, [CONTROL_PLANE_NS_LABEL]: values.namespace };
}

function createdBy(values: Pick<Values, "meshctlVersion">): string {
  return `meshctl/cli ${values.meshctlVersion}`;
}

function find(objects: readonly KubeObject[], kind: string, name?: string): KubeObject {
  const found = objects.find(
    (object) => object.kind === kind && (name === undefined || object.metadata.name === name),
  );
  if (!found) throw new Error(`the manifests have no ${kind} ${name ?? ""}`);
  return found;
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
