import type { KubeObject } from "../base/kube-object.ts";

/** Why a pod, or one container of it, does not run. */
export interface PodTrouble {
  readonly text: string;
  /** Section of the troubleshooting page about this very cause, when there is one. */
  readonly anchor: string | undefined;
  /** A cause is known; without one the pod may only need time. */
  readonly certain: boolean;
}

/** As far as it is read of `status.containerStatuses[]`. */
export interface ContainerStatus {
  readonly name: string;
  readonly ready?: boolean;
  readonly started?: boolean;
  readonly state?: {
    readonly waiting?: Reason;
    readonly terminated?: Reason & { readonly exitCode?: number };
  };
  readonly lastState?: { readonly terminated?: Reason & { readonly exitCode?: number } };
}

interface Reason {
  readonly reason?: string;
  readonly message?: string;
}

const IMAGE_REASONS = new Set(["ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"]);
/** What a container says, or its log, when a port of its own is taken. */
export const PORT_IN_USE = /EADDRINUSE|address (already )?in use/i;
const TEXT_MAX = 300;

/**
 * The first container that does not run and why, with the last line that it said; containers of one pod start in order, so
 * that the first is the cause.
 */
export function podTrouble(pod: KubeObject): PodTrouble {
  const statuses = containerStatuses(pod);
  for (const status of statuses) {
    const { state } = status;
    if (state?.terminated?.reason === "Completed" || state?.terminated?.exitCode === 0) continue;
    const current = state?.waiting ?? state?.terminated;
    // What waits for the containers before it has no trouble of its own.
    if (!current?.reason || current.reason === "PodInitializing") continue;
    const said = tellingLine((state?.terminated ?? status.lastState?.terminated)?.message);
    const image = IMAGE_REASONS.has(current.reason);
    const parts = [current.reason, state?.waiting ? tellingLine(current.message) : undefined, said];
    const text = `container ${status.name}: ${[...new Set(parts.filter(Boolean))].join(": ")}`;
    if (image) return { text, anchor: "image-pull", certain: true };
    if (PORT_IN_USE.test(said ?? "")) return { text, anchor: "port-clash", certain: true };
    return { text, anchor: undefined, certain: current.reason !== "ContainerCreating" };
  }
  const unscheduled = (
    (pod.status?.conditions ?? []) as { type: string; status: string; message?: string }[]
  ).find(({ type, status }) => type === "PodScheduled" && status === "False");
  if (unscheduled?.message)
    return { text: `not scheduled: ${unscheduled.message}`, anchor: undefined, certain: true };
  const unready = statuses.find(({ ready, state }) => ready === false && state?.terminated === undefined);
  const which = unready ? `, container ${unready.name} is not ready` : "";
  return { text: `phase ${pod.status?.phase ?? "unknown"}${which}`, anchor: undefined, certain: false };
}

export function containerStatuses(pod: KubeObject): readonly ContainerStatus[] {
  return [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
}

/** The first line that calls itself an error, else the last one: programs end in a stack as often as in a reason. */
function tellingLine(text: string | undefined): string | undefined {
  const lines = text?.trimEnd().split("\n") ?? [];
  const line =
    lines.find((candidate) => /(^|\s)(\w*Error|error|fatal|panic): /.test(candidate)) ?? lines.at(-1);
  return line?.trim().slice(0, TEXT_MAX) || undefined;
}
