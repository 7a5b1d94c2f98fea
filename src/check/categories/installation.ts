import { type Network, networkContains, tryParseNetwork } from "../../base/ip.ts";
import type { KubeObject } from "../../base/kube-object.ts";
import { COMPONENT_LABEL, CONTROLLER_NAME, DEFAULT_NAMESPACE, IDENTITY_SERVICE } from "../../base/names.ts";
import { renderCrds } from "../../install/render.ts";
import { type CheckCategory, CheckFailed, type CheckInputs, Skipped } from "../check.ts";
import { podTrouble } from "../pod-state.ts";
import { expectObjects, listObjects, readObject, readValues } from "../read.ts";
import { fieldManagers } from "./field-managers.ts";

/** Values of the component label: the control plane's Deployments are named after them. */
const COMPONENTS = ["identity", "controller"] as const;

export const customResources: CheckCategory = {
  name: "meshctl-crd",
  checks: [
    {
      anchor: "meshctl-existence-crd",
      label: "control plane CustomResourceDefinitions exist",
      fatal: true,
      retry: true,
      run: expectCrds,
    },
  ],
};

export const existence: CheckCategory = {
  name: "meshctl-existence",
  checks: [
    {
      anchor: "meshctl-existence-config",
      label: "'meshctl-config' config map exists",
      fatal: true,
      async run(inputs) {
        await readValues(inputs);
      },
    },
    {
      anchor: "meshctl-existence-replicasets",
      label: "control plane replica sets are ready",
      fatal: true,
      retry: true,
      async run(inputs) {
        const sets = await listObjects(
          inputs,
          `/apis/apps/v1/namespaces/${inputs.namespace}/replicasets`,
          COMPONENT_LABEL,
        );
        const failing = sets.flatMap((set) =>
          (set.status?.conditions ?? [])
            .filter(
              (condition: { type: string; status: string }) =>
                condition.type === "ReplicaFailure" && condition.status === "True",
            )
            .map(
              (condition: { reason: string; message: string }) =>
                `${set.metadata.name}: ${condition.reason}: ${condition.message}`,
            ),
        );
        if (failing.length > 0) throw new CheckFailed(failing.join("\n"));
      },
    },
    {
      anchor: "meshctl-existence-unschedulable-pods",
      label: "no unschedulable pods",
      warning: true,
      retry: true,
      async run(inputs) {
        const stuck = (await controlPlanePods(inputs)).flatMap((pod) =>
          (pod.status?.conditions ?? [])
            .filter(
              (condition: { reason?: string; status: string }) =>
                condition.reason === "Unschedulable" && condition.status === "False",
            )
            .map((condition: { message: string }) => `${pod.metadata.name}: ${condition.message}`),
        );
        if (stuck.length > 0) throw new CheckFailed(stuck.join("\n"));
      },
    },
    {
      anchor: "meshctl-api-control-ready",
      label: "control plane pods are ready",
      fatal: true,
      retry: true,
      async run(inputs) {
        const pods = await controlPlanePods(inputs);
        for (const component of COMPONENTS) {
          const own = pods.filter((pod) => pod.metadata.labels?.[COMPONENT_LABEL] === component);
          if (own.some(isReady)) continue;
          if (own.length === 0) throw new CheckFailed(`no running pods for "meshctl-${component}"`);
          const troubles = own.map((pod) => ({ pod, ...podTrouble(pod) }));
          const { pod, text, anchor } = troubles.find(({ certain }) => certain) ?? troubles[0]!;
          throw new CheckFailed(
            `pod "${pod.metadata.name}" of meshctl-${component} is not ready: ${text}`,
            anchor,
          );
        }
      },
    },
    {
      anchor: "meshctl-api-control-ready",
      label: "no control plane pod is stuck",
      warning: true,
      async run(inputs) {
        // A rollout that cannot end leaves the old pods, with which all else holds.
        const stuck = (await controlPlanePods(inputs))
          .filter((pod) => !isReady(pod) && pod.metadata.deletionTimestamp === undefined)
          .map((pod) => ({ pod, ...podTrouble(pod) }))
          .filter(({ certain }) => certain);
        if (stuck.length === 0) return;
        throw new CheckFailed(
          stuck.map(({ pod, text }) => `pod "${pod.metadata.name}": ${text}`).join("\n"),
          stuck.find(({ anchor }) => anchor !== undefined)?.anchor,
        );
      },
    },
    {
      anchor: "meshctl-cluster-networks-cidr",
      label: "cluster networks contains all node podCIDRs",
      async run(inputs) {
        const networks = await clusterNetworks(inputs);
        const nodes = await listObjects(inputs, "/api/v1/nodes");
        const cidrs = nodes.flatMap((node) => [
          ...new Set<string>([
            ...(node.spec?.podCIDRs ?? []),
            ...(node.spec?.podCIDR ? [node.spec.podCIDR] : []),
          ]),
        ]);
        if (cidrs.length === 0) throw new Skipped();
        const outside = cidrs.filter(
          (cidr) => !networks.some((network) => networkContains(network, cidr.split("/")[0]!)),
        );
        if (outside.length > 0)
          throw new CheckFailed(
            `node podCIDRs outside clusterNetworks: ${outside.join(", ")}; ${networksHint(outside)}`,
          );
      },
    },
    {
      anchor: "meshctl-cluster-networks-pods",
      label: "cluster networks contains all pods",
      async run(inputs) {
        const networks = await clusterNetworks(inputs);
        const pods = await listObjects(inputs, "/api/v1/pods");
        const stray = pods.find(
          (pod) => pod.spec?.hostNetwork !== true && isOutside(networks, pod.status?.podIP),
        );
        if (stray) {
          throw new CheckFailed(
            `pod ${stray.metadata.namespace}/${stray.metadata.name} has address ${stray.status.podIP}, outside clusterNetworks; ${networksHint([`${stray.status.podIP}/32`])}`,
          );
        }
      },
    },
    {
      anchor: "meshctl-cluster-networks-pods",
      label: "cluster networks contains all services",
      async run(inputs) {
        const networks = await clusterNetworks(inputs);
        const services = await listObjects(inputs, "/api/v1/services");
        const stray = services.find(
          ({ spec }) => spec?.clusterIP !== "None" && isOutside(networks, spec?.clusterIP),
        );
        if (stray) {
          throw new CheckFailed(
            `service ${stray.metadata.namespace}/${stray.metadata.name} has address ${stray.spec.clusterIP}, outside clusterNetworks; ${networksHint([`${stray.spec.clusterIP}/32`])}`,
          );
        }
      },
    },
  ],
};

const RBAC = "/apis/rbac.authorization.k8s.io/v1";

export const configuration: CheckCategory = {
  name: "meshctl-config",
  checks: [
    {
      anchor: "meshctl-existence-ns",
      label: "control plane Namespace exists",
      fatal: true,
      async run(inputs) {
        const found = await readObject(inputs, `/api/v1/namespaces/${inputs.namespace}`);
        if (!found) throw new CheckFailed(`the "${inputs.namespace}" namespace does not exist`);
      },
    },
    {
      anchor: "meshctl-existence-cr",
      label: "control plane ClusterRoles exist",
      fatal: true,
      run: (inputs) =>
        expectObjects(inputs, "ClusterRoles", clusterNames(inputs), (name) => `${RBAC}/clusterroles/${name}`),
    },
    {
      anchor: "meshctl-existence-crb",
      label: "control plane ClusterRoleBindings exist",
      fatal: true,
      run: (inputs) =>
        expectObjects(
          inputs,
          "ClusterRoleBindings",
          clusterNames(inputs),
          (name) => `${RBAC}/clusterrolebindings/${name}`,
        ),
    },
    {
      anchor: "meshctl-existence-sa",
      label: "control plane ServiceAccounts exist",
      fatal: true,
      run: (inputs) =>
        expectObjects(
          inputs,
          "ServiceAccounts",
          [IDENTITY_SERVICE, CONTROLLER_NAME],
          (name) => `/api/v1/namespaces/${inputs.namespace}/serviceaccounts/${name}`,
        ),
    },
    {
      anchor: "meshctl-existence-crd",
      label: "control plane CustomResourceDefinitions exist",
      fatal: true,
      run: expectCrds,
    },
    {
      anchor: "meshctl-existence-mwc",
      label: "control plane MutatingWebhookConfigurations exist",
      fatal: true,
      run: (inputs) =>
        expectObjects(
          inputs,
          "MutatingWebhookConfigurations",
          [webhookConfigurationName(inputs.namespace)],
          (name) => `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${name}`,
        ),
    },
    {
      anchor: "meshctl-existence-vwc",
      label: "control plane ValidatingWebhookConfigurations exist",
      fatal: true,
      run: (inputs) =>
        expectObjects(
          inputs,
          "ValidatingWebhookConfigurations",
          [policyWebhookConfigurationName(inputs.namespace)],
          (name) => `/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/${name}`,
        ),
    },
    fieldManagers(webhookConfigurationName),
  ],
};

export function policyWebhookConfigurationName(namespace: string): string {
  return clusterName(namespace, "policy-validator-webhook-config");
}

export function webhookConfigurationName(namespace: string): string {
  return clusterName(namespace, "injector-webhook-config");
}

/** Cluster-wide objects carry the namespace unless it is the default one (src/install/render.ts). */
function clusterName(namespace: string, suffix: string): string {
  return namespace === DEFAULT_NAMESPACE ? `meshctl-${suffix}` : `meshctl-${namespace}-${suffix}`;
}

function clusterNames({ namespace }: CheckInputs): string[] {
  return COMPONENTS.map((component) => clusterName(namespace, component));
}

/** Every definition of this version, with the newest version of each. */
async function expectCrds(inputs: CheckInputs): Promise<void> {
  const missing: string[] = [];
  for (const wanted of renderCrds({ namespace: inputs.namespace, meshctlVersion: inputs.cliVersion })) {
    const name = wanted.metadata.name!;
    const found = await readObject(inputs, `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`);
    const newest: string = wanted.spec.versions.at(-1).name;
    if (!found) missing.push(`missing ${name}`);
    else if (!found.spec?.versions?.some((version: { name: string }) => version.name === newest)) {
      missing.push(`CRD ${name} is missing version ${newest}`);
    }
  }
  if (missing.length > 0)
    throw new CheckFailed(`${missing.join(", ")}: meshctl install --crds | kubectl apply -f -`);
}

function controlPlanePods(inputs: CheckInputs): Promise<readonly KubeObject[]> {
  return listObjects(inputs, `/api/v1/namespaces/${inputs.namespace}/pods`, COMPONENT_LABEL);
}

function isReady(pod: KubeObject): boolean {
  return (pod.status?.conditions ?? []).some(
    (condition: { type: string; status: string }) =>
      condition.type === "Ready" && condition.status === "True",
  );
}

async function clusterNetworks(inputs: CheckInputs): Promise<Network[]> {
  const { clusterNetworks: text } = await readValues(inputs);
  return text.split(",").flatMap((cidr) => tryParseNetwork(cidr) ?? []);
}

function isOutside(networks: readonly Network[], address: string | undefined): boolean {
  return (
    address !== undefined && address !== "" && !networks.some((network) => networkContains(network, address))
  );
}

function networksHint(missing: readonly string[]): string {
  return `install with --set clusterNetworks= and a list that contains ${missing.join(", ")}`;
}
