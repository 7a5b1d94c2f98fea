import { canICommand, canIOf } from "../../kube/request-words.ts";
import { type Check, type CheckCategory, CheckFailed, type CheckInputs, Skipped } from "../check.ts";
import { listObjects, readObject } from "../read.ts";

/** How old a node's heartbeat may be, or how far in the future, milliseconds: the kubelet renews within five minutes. */
const HEARTBEAT_MS_MAX = 310_000;

interface Access {
  readonly group: string;
  readonly resource: string;
  readonly verb: string;
  readonly namespace?: string;
}

export const preInstall: CheckCategory = {
  name: "pre-kubernetes-setup",
  checks: [
    {
      anchor: "pre-ns",
      label: "control plane namespace does not already exist",
      async run(inputs) {
        const found = await readObject(inputs, `/api/v1/namespaces/${inputs.namespace}`);
        if (found) throw new CheckFailed(`namespace "${inputs.namespace}" exists`);
      },
    },
    {
      anchor: "pre-k8s-cluster-k8s",
      label: "can create non-namespaced resources",
      run: (inputs) =>
        expectAccess(inputs, [
          { group: "", resource: "namespaces", verb: "create" },
          { group: "rbac.authorization.k8s.io", resource: "clusterroles", verb: "create" },
          { group: "rbac.authorization.k8s.io", resource: "clusterrolebindings", verb: "create" },
          { group: "apiextensions.k8s.io", resource: "customresourcedefinitions", verb: "create" },
          {
            group: "admissionregistration.k8s.io",
            resource: "mutatingwebhookconfigurations",
            verb: "create",
          },
          {
            group: "admissionregistration.k8s.io",
            resource: "validatingwebhookconfigurations",
            verb: "create",
          },
        ]),
    },
    can("ServiceAccounts", "", "serviceaccounts"),
    can("Services", "", "services"),
    can("Deployments", "apps", "deployments"),
    can("ConfigMaps", "", "configmaps"),
    can("Secrets", "", "secrets"),
    {
      anchor: "pre-k8s",
      label: "can read Secrets",
      run: (inputs) =>
        expectAccess(inputs, [{ group: "", resource: "secrets", verb: "get", namespace: inputs.namespace }]),
    },
    {
      anchor: "pre-k8s-clock-skew",
      label: "no clock skew detected",
      warning: true,
      async run(inputs) {
        const nodes = await listObjects(inputs, "/api/v1/nodes");
        const skewed: string[] = [];
        for (const node of nodes) {
          const ready = node.status?.conditions?.find(
            (condition: { type: string }) => condition.type === "Ready",
          );
          if (ready?.status !== "True" || ready.lastHeartbeatTime === undefined) continue;
          const ageMs = inputs.clock.now() - Date.parse(ready.lastHeartbeatTime);
          if (Math.abs(ageMs) > HEARTBEAT_MS_MAX) {
            const seconds = Math.round(Math.abs(ageMs) / 1000);
            skewed.push(
              `${node.metadata.name}: heartbeat of ${ready.lastHeartbeatTime}, ${seconds} s in the ${ageMs > 0 ? "past" : "future"}`,
            );
          }
        }
        if (skewed.length > 0)
          throw new CheckFailed(`the clocks of this machine and of nodes differ:\n${skewed.join("\n")}`);
        if (nodes.length === 0) throw new Skipped();
      },
    },
  ],
};

function can(kinds: string, group: string, resource: string): Check {
  return {
    anchor: "pre-k8s",
    label: `can create ${kinds}`,
    run: (inputs) => expectAccess(inputs, [{ group, resource, verb: "create", namespace: inputs.namespace }]),
  };
}

/** Asks the API server what the user may do. */
async function expectAccess(inputs: CheckInputs, wanted: readonly Access[]): Promise<void> {
  const kube = await inputs.kube();
  const refused: string[] = [];
  for (const resourceAttributes of wanted) {
    const review = await kube.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {
      body: {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SelfSubjectAccessReview",
        spec: { resourceAttributes },
      },
    });
    if (review.status?.allowed === true) continue;
    const { verb, resource, group, namespace } = resourceAttributes;
    const full = group === "" ? resource : `${resource}.${group}`;
    const scope = namespace === undefined ? "" : ` in namespace "${namespace}"`;
    const why = review.status?.reason ? ` (${review.status.reason})` : "";
    refused.push(
      `not allowed to ${verb} ${full}${scope}${why}; ask for it, this shows it: ${canICommand(canIOf(resourceAttributes), kube.as)}`,
    );
  }
  if (refused.length > 0) throw new CheckFailed(refused.join("\n"));
}
