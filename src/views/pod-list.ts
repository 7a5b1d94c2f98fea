import type { PodFacts } from "../observe/workload.ts";

/** Pods by what their proxies can do, in sections; "" when none is meshed. */
export function renderPodList(pods: readonly PodFacts[]): string {
  const meshed = pods.filter(({ meshed: isMeshed }) => isMeshed);
  if (meshed.length === 0) return "";
  return [
    section(
      "Pods with tap enabled",
      meshed.filter(({ running }) => running),
    ),
    section(
      "Pods whose proxy is not running, so that it cannot be tapped",
      meshed.filter(({ running }) => !running),
      ({ status }) => ` (${status})`,
    ),
    section(
      "Pods without a proxy; meshctl inject adds one",
      pods.filter(({ meshed: isMeshed }) => !isMeshed),
    ),
  ]
    .filter((text) => text !== "")
    .join("\n");
}

function section(
  title: string,
  pods: readonly PodFacts[],
  note: (pod: PodFacts) => string = () => "",
): string {
  if (pods.length === 0) return "";
  return `${title}:\n${pods.map((pod) => `\t* ${pod.namespace}/${pod.name}${note(pod)}\n`).join("")}`;
}
