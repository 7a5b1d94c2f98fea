import { type Duplex, Readable } from "node:stream";
import { MeshError } from "../../../src/base/error.ts";
import type { KubeObject } from "../../../src/base/kube-object.ts";
import type { KubeClient } from "../../../src/kube/client.ts";
import type { HttpStatsRow, StatsReply, TcpStatsRow } from "../../../src/observe/stats.ts";

export interface FakeKube extends KubeClient {
  /** `GET path` of every request. */
  readonly requests: string[];
}

/**
 * A cluster as answers by path (without query). Paths that are not there answer 404; an answer that is a MeshError is thrown.
 *
 * @param stats replies of proxies by `namespace/pod`; a MeshError rejects, a number is a status without body
 */
export function createFakeKube(
  lists: Readonly<Record<string, readonly KubeObject[] | KubeObject | MeshError>>,
  stats: Readonly<Record<string, StatsReply | MeshError | number>> = {},
  portForward?: (namespace: string, pod: string, port: number) => Promise<Duplex>,
): FakeKube {
  const requests: string[] = [];
  return {
    server: "https://127.0.0.1:1",
    namespace: "demo",
    context: "fake",
    requests,
    async request<T>(method: string, path: string): Promise<T> {
      requests.push(`${method} ${path}`);
      const answer = lists[path];
      if (answer instanceof MeshError) throw answer;
      if (answer === undefined) throw kubeError("KUBE_NOT_FOUND", `${path} not found`);
      if (!Array.isArray(answer)) return answer as T;
      return { apiVersion: "v1", kind: "List", metadata: { resourceVersion: "1" }, items: answer } as T;
    },
    async raw(method, path, options) {
      requests.push(`${method} ${path}?window=${options?.query?.window}`);
      const match = /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^:]+):4191\/proxy\/stats$/.exec(path);
      const reply = match ? stats[`${match[1]}/${match[2]}`] : undefined;
      if (reply instanceof MeshError) throw reply;
      if (typeof reply === "number" || reply === undefined) {
        return { status: reply ?? 404, headers: {}, body: Buffer.from("") };
      }
      return { status: 200, headers: {}, body: Buffer.from(JSON.stringify(reply)) };
    },
    stream: async () => Readable.from([]),
    portForward: portForward ?? (() => Promise.reject(kubeError("KUBE_FORBIDDEN", "no port-forward here"))),
    close() {},
  };
}

export function kubeError(code: string, message: string): MeshError {
  return new MeshError({ kind: "environment", code, message });
}

export interface PodInput {
  readonly name: string;
  readonly namespace?: string;
  readonly ip?: string;
  readonly phase?: string;
  readonly meshed?: boolean;
  readonly deployment?: string;
}

/** A pod of a Deployment; meshed ones carry the injector's owner label. */
export function buildPod(input: PodInput): KubeObject {
  const { name, namespace = "demo", ip = "10.0.0.1", phase = "Running", meshed = true } = input;
  const deployment = input.deployment ?? name.replace(/-\d+$/, "");
  const containers = [{ name: "app" }, ...(meshed ? [{ name: "meshctl-proxy" }] : [])];
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace,
      labels: meshed
        ? { "meshctl.io/control-plane-ns": "meshctl", "meshctl.io/proxy-deployment": deployment }
        : {},
      ownerReferences: [
        { apiVersion: "apps/v1", kind: "ReplicaSet", name: `${deployment}-5d`, uid: "u", controller: true },
      ],
    },
    spec: { containers, serviceAccountName: deployment },
    status: { phase, podIP: ip },
  };
}

export function buildReplicaSet(deployment: string, namespace = "demo"): KubeObject {
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: {
      name: `${deployment}-5d`,
      namespace,
      ownerReferences: [
        { apiVersion: "apps/v1", kind: "Deployment", name: deployment, uid: "d", controller: true },
      ],
    },
  };
}

export function buildService(name: string, namespace = "demo", clusterIP = "10.1.0.1"): KubeObject {
  return { apiVersion: "v1", kind: "Service", metadata: { name, namespace }, spec: { clusterIP } };
}

export function buildReply(parts: Partial<StatsReply> = {}): StatsReply {
  return {
    version: 1,
    windowMs: 60_000,
    nowMs: 1,
    uptimeMs: 100_000,
    proxyVersion: "1",
    identity: "x.demo.serviceaccount.identity.meshctl.cluster.local",
    http: [],
    tcp: [],
    ...parts,
  };
}

const KEY = {
  direction: "inbound",
  peer: { identity: "", ip: "", labels: {} },
  tls: "true",
  target: "8080",
  parent: "",
  route: "",
  authorization: "",
} as const;

export function httpRow(parts: Partial<HttpStatsRow> = {}): HttpStatsRow {
  const zero = { requests: 0, successes: 0, failures: 0, denied: 0, retries: 0, timeouts: 0 };
  return { ...KEY, ...zero, latency: [], ...parts };
}

export function tcpRow(parts: Partial<TcpStatsRow> = {}): TcpStatsRow {
  return { ...KEY, open: 1, opened: 0, readBytes: 0, writeBytes: 0, ...parts };
}
