import type { KubeObject } from "../../base/kube-object.ts";
import { CONFIG_MAP_NAME, CONTROLLER_NAME, IDENTITY_SERVICE } from "../../base/names.ts";
import { type Check, CheckFailed, type CheckInputs } from "../check.ts";
import { readObject } from "../read.ts";

/** What a field is called in `managedFields`. */
type Fields = { readonly [key: string]: Fields };

interface ManagedFields {
  readonly manager?: string;
  readonly subresource?: string;
  readonly fieldsV1?: Fields;
}

/** Names that kubectl gives itself: applying, restarting, creating. `kubectl edit` and `patch` are another hand. */
const OWN_MANAGERS = new Set([
  "kubectl",
  "kubectl-client-side-apply",
  "kubectl-create",
  "kubectl-last-applied",
  "kubectl-rollout",
  "kubectl-replace",
  "meshctl",
]);
/** Top-level fields of our objects that an installation writes. */
const OWN_FIELDS = ["f:spec", "f:data", "f:webhooks"];
const PATHS_SHOWN = 3;

/**
 * Whether fields of the installation are somebody else's too. `kubectl apply --server-side` of a changed installation fails with
 * a conflict there, and a plain `kubectl apply` takes the field back, until the other one takes it again.
 */
export function fieldManagers(webhookName: (namespace: string) => string): Check {
  return {
    anchor: "meshctl-field-managers",
    label: "control plane objects have one manager",
    warning: true,
    async run(inputs: CheckInputs) {
      const { namespace } = inputs;
      const paths = [
        ["ConfigMap", `/api/v1/namespaces/${namespace}/configmaps/${CONFIG_MAP_NAME}`],
        ["Deployment", `/apis/apps/v1/namespaces/${namespace}/deployments/${IDENTITY_SERVICE}`],
        ["Deployment", `/apis/apps/v1/namespaces/${namespace}/deployments/${CONTROLLER_NAME}`],
        [
          "MutatingWebhookConfiguration",
          `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${webhookName(namespace)}`,
        ],
      ] as const;
      const lines: string[] = [];
      for (const [kind, path] of paths) {
        const object = await readObject(inputs, path);
        if (object) lines.push(...foreignFields(object).map((text) => `\t* ${kind} ${text}`));
      }
      if (lines.length > 0) {
        throw new CheckFailed(
          `others manage fields of the installation, which \`kubectl apply --server-side\` refuses to change (--force-conflicts takes them back):\n${lines.join("\n")}`,
        );
      }
    },
  };
}

function foreignFields(object: KubeObject): string[] {
  const managed = (object.metadata as { managedFields?: readonly ManagedFields[] }).managedFields ?? [];
  return managed.flatMap(({ manager, subresource, fieldsV1 }) => {
    if (manager === undefined || OWN_MANAGERS.has(manager) || subresource !== undefined || !fieldsV1)
      return [];
    const paths = OWN_FIELDS.flatMap((field) => (fieldsV1[field] ? leaves(fieldsV1[field], field) : []));
    if (paths.length === 0) return [];
    const more = paths.length > PATHS_SHOWN ? ` and ${paths.length - PATHS_SHOWN} more` : "";
    return [`${object.metadata.name}: ${manager} has ${paths.slice(0, PATHS_SHOWN).join(", ")}${more}`];
  });
}

/** `spec.template.spec.containers[name=proxy].image` for each field that is owned to its end. */
function leaves(fields: Fields, path: string): string[] {
  const below = Object.entries(fields).filter(([key]) => key !== ".");
  if (below.length === 0) return [words(path)];
  return below.flatMap(([key, value]) => leaves(value, `${path}\u0000${key}`));
}

function words(path: string): string {
  return path
    .split("\u0000")
    .map((step) => {
      if (step.startsWith("f:")) return `.${step.slice(2)}`;
      if (!step.startsWith("k:")) return `[${step.slice(2)}]`;
      const key = JSON.parse(step.slice(2)) as Record<string, unknown>;
      return `[${Object.entries(key)
        .map(([name, value]) => `${name}=${value}`)
        .join(",")}]`;
    })
    .join("")
    .slice(1);
}
