import type { KubeObject } from "../../../base/kube-object.ts";
import type { Column } from "./column.ts";
import { AGE, NAME, wide } from "./common.ts";

const ROLE_PREFIX = "node-role.kubernetes.io/";

export const NODE_COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  "/nodes": [
    NAME,
    { name: "Status", cell: nodeStatus },
    { name: "Roles", cell: roles },
    AGE,
    { name: "Version", cell: (node) => node.status?.nodeInfo?.kubeletVersion ?? "" },
    wide({ name: "Internal-IP", cell: (node) => address(node, "InternalIP") }),
    wide({ name: "External-IP", cell: (node) => address(node, "ExternalIP") }),
    wide({ name: "OS-Image", cell: (node) => node.status?.nodeInfo?.osImage || "<unknown>" }),
    wide({ name: "Kernel-Version", cell: (node) => node.status?.nodeInfo?.kernelVersion || "<unknown>" }),
    wide({
      name: "Container-Runtime",
      cell: (node) => node.status?.nodeInfo?.containerRuntimeVersion || "<unknown>",
    }),
  ],
};

function nodeStatus(node: KubeObject): string {
  const ready = (node.status?.conditions ?? []).find((each: { type: string }) => each.type === "Ready");
  const parts = [ready ? (ready.status === "True" ? "Ready" : "NotReady") : "Unknown"];
  if (node.spec?.unschedulable) parts.push("SchedulingDisabled");
  return parts.join(",");
}

function roles(node: KubeObject): string {
  const names = Object.keys(node.metadata.labels ?? {})
    .filter((key) => key.startsWith(ROLE_PREFIX))
    .map((key) => key.slice(ROLE_PREFIX.length))
    .sort();
  return names.length === 0 ? "<none>" : names.join(",");
}

function address(node: KubeObject, type: string): string {
  const found = (node.status?.addresses ?? []).find((each: { type: string }) => each.type === type);
  return found?.address ?? "<none>";
}
