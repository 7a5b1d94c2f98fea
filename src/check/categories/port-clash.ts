import type { KubeObject } from "../../base/kube-object.ts";
import { PROXY_CONTAINER } from "../../base/names.ts";
import { type Check, CheckFailed, type CheckInputs } from "../check.ts";
import { containerStatuses, PORT_IN_USE } from "../pod-state.ts";
import { listMeshedPods, podName } from "../read.ts";

interface ContainerView {
  readonly name: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly ports?: readonly { readonly containerPort: number }[];
}

const LISTENERS = [
  ["MESHCTL_PROXY_INBOUND_LISTEN_ADDR", "inbound"],
  ["MESHCTL_PROXY_OUTBOUND_LISTEN_ADDRS", "outbound"],
  ["MESHCTL_PROXY_ADMIN_LISTEN_ADDR", "admin"],
  ["MESHCTL_PROXY_CONTROL_LISTEN_ADDR", "control"],
] as const;
/** Logs are asked for this many containers that crash without having said why. */
const LOGS_MAX = 10;

/** Whether a container declares, or failed to get, a port on which the proxy of its pod listens. */
export const portClash: Check = {
  anchor: "port-clash",
  label: "no container wants a port of its proxy",
  async run(inputs) {
    const lines: string[] = [];
    let logs = LOGS_MAX;
    for (const pod of await listMeshedPods(inputs)) {
      const taken = proxyPorts(pod);
      const say = (text: string) => lines.push(`\t* ${podName(inputs, pod)}: ${text}`);
      for (const { name, ports } of otherContainers(pod)) {
        const declared = ports?.find(({ containerPort }) => taken.has(containerPort))?.containerPort;
        if (declared !== undefined) {
          say(`container ${name} declares ${declared}, the proxy's ${taken.get(declared)} port`);
          continue;
        }
        const status = containerStatuses(pod).find((candidate) => candidate.name === name);
        const end = status?.state?.terminated ?? status?.lastState?.terminated;
        if (!end || end.exitCode === 0) continue;
        let said = end.message || undefined;
        if (said === undefined && logs-- > 0) {
          said = await lastLog(inputs, pod, name, end !== status?.state?.terminated);
        }
        if (said === undefined || !PORT_IN_USE.test(said)) continue;
        const port = [...taken.keys()].find((number) => new RegExp(`\\b${number}\\b`).test(said));
        if (port !== undefined)
          say(`container ${name} failed to listen on ${port}, the proxy's ${taken.get(port)} port`);
      }
    }
    if (lines.length > 0) {
      throw new CheckFailed(
        `the containers of a pod share one network, so that only one can listen on a port:\n${lines.join("\n")}`,
      );
    }
  },
};

function otherContainers(pod: KubeObject): readonly ContainerView[] {
  const all: ContainerView[] = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  return all.filter(({ name }) => name !== PROXY_CONTAINER);
}

/** What each port that the proxy listens on is for. */
function proxyPorts(pod: KubeObject): ReadonlyMap<number, string> {
  const all: ContainerView[] = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  const proxy = all.find(({ name }) => name === PROXY_CONTAINER);
  const ports = new Map<number, string>();
  for (const [variable, what] of LISTENERS) {
    const value = proxy?.env?.find(({ name }) => name === variable)?.value;
    const port = Number(/:(\d+)(?:,|$)/.exec(value ?? "")?.[1]);
    if (port > 0) ports.set(port, what);
  }
  return ports;
}

/** The end of the log of a container's run that ended; undefined when it cannot be had, which is no failure of this check. */
async function lastLog(
  inputs: CheckInputs,
  pod: KubeObject,
  container: string,
  previous: boolean,
): Promise<string | undefined> {
  const kube = await inputs.kube();
  const { namespace, name } = pod.metadata;
  const reply = await kube.raw("GET", `/api/v1/namespaces/${namespace}/pods/${name}/log`, {
    query: { container, previous, tailLines: 40 },
    accept: "text/plain, */*",
  });
  return reply.status === 200 ? reply.body.toString("utf8") : undefined;
}
