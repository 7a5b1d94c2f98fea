import { connect, type Socket } from "node:net";
import type { Clock } from "../../base/clock.ts";
import { MeshError, systemErrorCode } from "../../base/error.ts";
import { joinHostPort } from "../../base/ip.ts";
import { ADMIN_PORT, INBOUND_PORT, TAP_PORT } from "../../base/names.ts";
import type { PodBackend } from "../object-api.ts";
import { readLog } from "./log-file.ts";
import type { PodWorker } from "./pod-worker.ts";

export interface PodBackendOptions {
  readonly workerOf: (namespace: string, name: string) => PodWorker | undefined;
  readonly clock: Clock;
  readonly nodeIp: string;
}

/** Ports of the proxy itself, on the pod's public address. */
const PROXY_PORTS: ReadonlySet<number> = new Set([INBOUND_PORT, TAP_PORT, ADMIN_PORT]);

/** What the API server asks of the kubelet: logs and connections. */
export function createPodBackend(options: PodBackendOptions): PodBackend {
  const find = (namespace: string, pod: string): PodWorker => {
    const worker = options.workerOf(namespace, pod);
    if (worker) return worker;
    throw new MeshError({
      kind: "environment",
      code: "POD_NOT_STARTED",
      message: `pod ${namespace}/${pod} has no processes on this node`,
      hint: `see why: kubectl describe pod ${pod} -n ${namespace}`,
    });
  };
  return {
    logs(namespace, pod, container, { previous, sinceSeconds, ...rest }) {
      const worker = find(namespace, pod);
      const runner = worker.runner(container);
      if (!runner) {
        throw new MeshError({
          kind: "environment",
          code: "KUBE_NOT_FOUND",
          message: `container ${container} is not valid for pod ${pod}`,
        });
      }
      const log = previous ? runner.previousLog : runner.log;
      if (!log) {
        const { state } = runner.view;
        const reason = state.type === "waiting" ? state.reason : state.type;
        throw new MeshError({
          kind: "environment",
          code: "POD_NOT_STARTED",
          message: previous
            ? `previous terminated container "${container}" in pod "${pod}" not found`
            : `container "${container}" in pod "${pod}" is waiting to start: ${reason}`,
        });
      }
      return readLog(log, {
        ...rest,
        ...(sinceSeconds === undefined ? {} : { sinceMs: options.clock.now() - sinceSeconds * 1000 }),
      });
    },
    async connect(namespace, pod, port, mode) {
      const worker = find(namespace, pod);
      const { publicIp, privateIp } = worker.addresses;
      if (mode === "proxy") return dial(publicIp, port, options.nodeIp);
      if (worker.proxyContainer === undefined) return dial(publicIp, port, publicIp);
      if (PROXY_PORTS.has(port)) return dial(publicIp, port, privateIp);
      // Into the pod, past its proxy, as a real port-forward: the application listens on the private address.
      try {
        return await dial(privateIp, port, privateIp);
      } catch (caught) {
        if (systemErrorCode((caught as MeshError).cause) !== "ECONNREFUSED") throw caught;
        return dial(publicIp, port, privateIp);
      }
    },
  };
}

function dial(host: string, port: number, localAddress: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, localAddress, allowHalfOpen: true });
    socket.once("connect", () => {
      socket.removeAllListeners("error");
      resolve(socket);
    });
    socket.once("error", (cause) => {
      reject(
        new MeshError({
          kind: "environment",
          code: "POD_UNREACHABLE",
          message: `dial tcp ${joinHostPort(host, port)}: ${systemErrorCode(cause) ?? cause.message}`,
          cause,
        }),
      );
    });
  });
}
