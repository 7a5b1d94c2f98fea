import type { KubeObject } from "../../../base/kube-object.ts";
import { humanDuration } from "./age.ts";
import type { Column } from "./column.ts";
import { AGE, NAME } from "./common.ts";

// biome-ignore lint/suspicious/noExplicitAny: container statuses as the kubelet wrote them
type ContainerStatus = Record<string, any>;

export const POD_COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  "/pods": [
    NAME,
    { name: "Ready", cell: (pod) => summarise(pod).ready },
    { name: "Status", cell: (pod) => summarise(pod).status },
    { name: "Restarts", cell: (pod, nowMs) => restarts(pod, nowMs) },
    AGE,
    { name: "IP", priority: 1, cell: (pod) => pod.status?.podIP || "<none>" },
    { name: "Node", priority: 1, cell: (pod) => pod.spec?.nodeName || "<none>" },
    { name: "Nominated Node", priority: 1, cell: (pod) => pod.status?.nominatedNodeName || "<none>" },
    { name: "Readiness Gates", priority: 1, cell: readinessGates },
  ],
};

function isSidecar(pod: KubeObject, name: string): boolean {
  const container = (pod.spec?.initContainers ?? []).find((each: { name: string }) => each.name === name);
  return container?.restartPolicy === "Always";
}

/** The `READY` and `STATUS` of kubectl: the phase, unless a container has something more telling to say. */
export function summarise(pod: KubeObject): { ready: string; status: string } {
  const initStatuses: ContainerStatus[] = pod.status?.initContainerStatuses ?? [];
  const statuses: ContainerStatus[] = pod.status?.containerStatuses ?? [];
  const sidecars = (pod.spec?.initContainers ?? []).filter(
    (each: { restartPolicy?: string }) => each.restartPolicy === "Always",
  ).length;
  const total = (pod.spec?.containers ?? []).length + sidecars;
  const readyCount =
    statuses.filter((each) => each.ready && each.state?.running).length +
    initStatuses.filter((each) => each.ready && isSidecar(pod, each.name)).length;
  let status: string = pod.status?.reason || pod.status?.phase || "Unknown";
  const gated = (pod.status?.conditions ?? []).some(
    (each: { type: string; reason?: string }) =>
      each.type === "PodScheduled" && each.reason === "SchedulingGated",
  );
  if (gated) status = "SchedulingGated";
  const initialising = initReason(pod, initStatuses);
  if (initialising) status = initialising;
  else {
    let running = false;
    for (const each of [...statuses].reverse()) {
      const { waiting, terminated } = each.state ?? {};
      if (waiting?.reason) status = waiting.reason;
      else if (terminated) status = terminatedReason(terminated);
      else if (each.ready && each.state?.running) running = true;
    }
    if (status === "Completed" && running) status = isReady(pod) ? "Running" : "NotReady";
  }
  if (pod.metadata.deletionTimestamp !== undefined) {
    status = pod.status?.reason === "NodeLost" ? "Unknown" : "Terminating";
  }
  return { ready: `${readyCount}/${total}`, status };
}

function initReason(pod: KubeObject, statuses: readonly ContainerStatus[]): string | undefined {
  const total = (pod.spec?.initContainers ?? []).length;
  for (const [index, each] of statuses.entries()) {
    const { terminated, waiting } = each.state ?? {};
    if (terminated?.exitCode === 0) continue;
    if (isSidecar(pod, each.name) && each.started) continue;
    if (terminated) return `Init:${terminatedReason(terminated)}`;
    if (waiting?.reason && waiting.reason !== "PodInitializing") return `Init:${waiting.reason}`;
    return `Init:${index}/${total}`;
  }
  return undefined;
}

function terminatedReason(terminated: { reason?: string; signal?: number; exitCode?: number }): string {
  if (terminated.reason) return terminated.reason;
  return terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode ?? 0}`;
}

function isReady(pod: KubeObject): boolean {
  return (pod.status?.conditions ?? []).some(
    (each: { type: string; status: string }) => each.type === "Ready" && each.status === "True",
  );
}

/** Of the containers, once they run; before that, of the init containers. */
function restarts(pod: KubeObject, nowMs: number): string {
  const inits: ContainerStatus[] = pod.status?.initContainerStatuses ?? [];
  const initialising = initReason(pod, inits) !== undefined;
  const statuses = initialising
    ? inits
    : [
        ...inits.filter((each) => isSidecar(pod, each.name)),
        ...((pod.status?.containerStatuses ?? []) as ContainerStatus[]),
      ];
  let count = 0;
  let last = 0;
  for (const each of statuses) {
    count += each.restartCount ?? 0;
    const finished = each.lastState?.terminated?.finishedAt;
    if (finished) last = Math.max(last, Date.parse(finished));
  }
  return count > 0 && last > 0 ? `${count} (${humanDuration(nowMs - last)} ago)` : String(count);
}

function readinessGates(pod: KubeObject): string {
  const gates: { conditionType: string }[] = pod.spec?.readinessGates ?? [];
  if (gates.length === 0) return "<none>";
  const conditions: { type: string; status: string }[] = pod.status?.conditions ?? [];
  const met = gates.filter((gate) =>
    conditions.some((each) => each.type === gate.conditionType && each.status === "True"),
  );
  return `${met.length}/${gates.length}`;
}
