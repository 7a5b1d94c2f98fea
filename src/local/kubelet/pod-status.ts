import type { KubeObject } from "../../base/kube-object.ts";
import type { Condition } from "../controllers/controller.ts";
import { mergeConditions, timestamp } from "../controllers/controller.ts";
import type { ContainerState, ContainerView } from "./container-state.ts";

export interface PodStatusInput {
  readonly pod: KubeObject;
  readonly containers: readonly ContainerView[];
  readonly podIp: string;
  readonly hostIp: string;
  readonly startedAtMs: number;
  readonly nowMs: number;
  /** The pod ended before its containers could say so themselves. */
  readonly failure?: { readonly reason: string; readonly message: string };
}

const OWN_CONDITIONS = ["PodScheduled", "Initialized", "ContainersReady", "Ready"];

/** A pod's status from its containers: phase, conditions and container statuses as Kubernetes derives them. */
export function podStatus(input: PodStatusInput): Record<string, unknown> {
  const { pod, containers, podIp, hostIp } = input;
  const inits = containers.filter(({ role }) => role !== "main");
  const mains = containers.filter(({ role }) => role === "main");
  const phase = input.failure ? "Failed" : phaseOf(inits, mains);
  const now = timestamp(input.nowMs);
  const previous = pod.status?.conditions as Parameters<typeof mergeConditions>[0];
  const foreign = (previous ?? []).filter(({ type }) => !OWN_CONDITIONS.includes(type));
  return {
    phase,
    ...(input.failure ?? {}),
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }],
    podIP: podIp,
    podIPs: [{ ip: podIp }],
    startTime: timestamp(input.startedAtMs),
    qosClass: qosClass(pod),
    conditions: [...foreign, ...mergeConditions(previous, conditionsOf(pod, phase, inits, mains), now)],
    ...(inits.length > 0 ? { initContainerStatuses: inits.map(containerStatus) } : {}),
    containerStatuses: mains.map(containerStatus),
  };
}

/** An init container that ended well, or a sidecar that is started. */
export function isInitDone(view: ContainerView): boolean {
  if (view.role === "sidecar") return view.started || view.isFinished;
  return view.state.type === "terminated" && view.state.exitCode === 0;
}

function phaseOf(inits: readonly ContainerView[], mains: readonly ContainerView[]): string {
  const failedInit = inits.some(
    ({ role, isFinished, state }) =>
      role === "init" && isFinished && state.type === "terminated" && state.exitCode !== 0,
  );
  if (failedInit) return "Failed";
  if (mains.length > 0 && mains.every(({ isFinished }) => isFinished)) {
    const isGood = mains.every(({ state }) => state.type === "terminated" && state.exitCode === 0);
    return isGood ? "Succeeded" : "Failed";
  }
  const hasRun = mains.some(({ state, restartCount }) => state.type !== "waiting" || restartCount > 0);
  return hasRun ? "Running" : "Pending";
}

function conditionsOf(
  pod: KubeObject,
  phase: string,
  inits: readonly ContainerView[],
  mains: readonly ContainerView[],
): Condition[] {
  const isOver = phase === "Succeeded" || phase === "Failed";
  const pendingInits = inits.filter((view) => !isInitDone(view)).map(({ name }) => name);
  const hasMainRun = mains.some(({ state, restartCount }) => state.type !== "waiting" || restartCount > 0);
  const initialized = hasMainRun || pendingInits.length === 0;
  const counted = [...inits.filter(({ role }) => role === "sidecar"), ...mains];
  const unready = counted.filter(({ ready }) => !ready).map(({ name }) => name);
  const containersReady: Condition = isOver
    ? { type: "ContainersReady", status: "False", reason: "PodCompleted" }
    : unready.length === 0
      ? { type: "ContainersReady", status: "True" }
      : {
          type: "ContainersReady",
          status: "False",
          reason: "ContainersNotReady",
          message: `containers with unready status: [${unready.join(" ")}]`,
        };
  const gate = missingGate(pod);
  const ready: Condition =
    containersReady.status === "True" && gate !== undefined
      ? {
          type: "Ready",
          status: "False",
          reason: "ReadinessGatesNotReady",
          message: `corresponding condition of pod readiness gate "${gate}" is not True`,
        }
      : { ...containersReady, type: "Ready" };
  return [
    { type: "PodScheduled", status: "True" },
    initialized
      ? { type: "Initialized", status: "True" }
      : {
          type: "Initialized",
          status: "False",
          reason: "ContainersNotInitialized",
          message: `containers with incomplete status: [${pendingInits.join(" ")}]`,
        },
    containersReady,
    ready,
  ];
}

function missingGate(pod: KubeObject): string | undefined {
  const conditions: readonly Condition[] = pod.status?.conditions ?? [];
  const gates: readonly { conditionType: string }[] = pod.spec.readinessGates ?? [];
  return gates.find(
    ({ conditionType }) =>
      !conditions.some(({ type, status }) => type === conditionType && status === "True"),
  )?.conditionType;
}

function containerStatus(view: ContainerView): Record<string, unknown> {
  return {
    name: view.name,
    image: view.image,
    imageID: view.image,
    ...(view.pid === undefined ? {} : { containerID: `process://${view.pid}` }),
    restartCount: view.restartCount,
    // An init container that has done its work counts as ready.
    ready: view.role === "init" ? isInitDone(view) : view.ready,
    started: view.started,
    state: stateOf(view.state),
    lastState: view.lastState ? stateOf(view.lastState) : {},
  };
}

function stateOf(state: ContainerState): Record<string, unknown> {
  switch (state.type) {
    case "waiting":
      return {
        waiting: {
          reason: state.reason,
          ...(state.message === undefined ? {} : { message: state.message }),
        },
      };
    case "running":
      return { running: { startedAt: timestamp(state.startedAtMs) } };
    case "terminated":
      return {
        terminated: {
          exitCode: state.exitCode,
          reason: state.reason,
          ...(state.signal === 0 ? {} : { signal: state.signal }),
          ...(state.message === "" ? {} : { message: state.message }),
          startedAt: timestamp(state.startedAtMs),
          finishedAt: timestamp(state.finishedAtMs),
          ...(state.pid === undefined ? {} : { containerID: `process://${state.pid}` }),
        },
      };
  }
}

/** @see kubernetes pkg/apis/core/v1/helper/qos */
function qosClass(pod: KubeObject): string {
  const containers: readonly { resources?: { limits?: object; requests?: object } }[] = [
    ...(pod.spec.initContainers ?? []),
    ...pod.spec.containers,
  ];
  const hasAny = containers.some(({ resources }) =>
    [resources?.limits, resources?.requests].some((list) => Object.keys(list ?? {}).length > 0),
  );
  if (!hasAny) return "BestEffort";
  const isGuaranteed = containers.every(({ resources }) => {
    const limits = (resources?.limits ?? {}) as Record<string, string>;
    const requests = (resources?.requests ?? limits) as Record<string, string>;
    return ["cpu", "memory"].every(
      (name) => limits[name] !== undefined && (requests[name] ?? limits[name]) === limits[name],
    );
  });
  return isGuaranteed ? "Guaranteed" : "Burstable";
}
