import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { StatsReply } from "../../src/observe/stats.ts";

/** Rows in the answer of each proxy: clients times routes of a busy service. */
const ROWS = 20;

/** An API server with so many meshed pods, whose proxies all answer, and what it was asked. */
export interface ManyProxies {
  readonly url: string;
  readonly requests: readonly string[];
  /** Most questions to proxies that were open at once. */
  readonly mostAtOnce: number;
  close(): void;
}

/** @param answerMs how long a proxy takes to answer, so that questions overlap */
export async function startManyProxies(count: number, answerMs: number): Promise<ManyProxies> {
  const requests: string[] = [];
  let open = 0;
  let mostAtOnce = 0;
  const pods = Array.from({ length: count }, (_, index) => podOf(index));
  const lists = new Map([
    [
      "/api/v1/namespaces/demo/pods",
      JSON.stringify({ kind: "PodList", apiVersion: "v1", metadata: {}, items: pods }),
    ],
  ]);
  const reply = JSON.stringify(replyOf());
  const server: Server = createServer((request, response) => {
    const path = request.url!.split("?")[0]!;
    requests.push(path);
    response.setHeader("content-type", "application/json");
    const list = lists.get(path);
    if (list !== undefined) return response.end(list);
    open++;
    mostAtOnce = Math.max(mostAtOnce, open);
    setTimeout(() => {
      open--;
      response.end(reply);
    }, answerMs);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    get mostAtOnce() {
      return mostAtOnce;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

function podOf(index: number): object {
  const deployment = `web-${index % 30}`;
  return {
    metadata: {
      name: `${deployment}-5d-${index}`,
      namespace: "demo",
      labels: { "meshctl.io/control-plane-ns": "meshctl", "meshctl.io/proxy-deployment": deployment },
      ownerReferences: [{ kind: "ReplicaSet", name: `${deployment}-5d`, controller: true }],
    },
    spec: { serviceAccountName: deployment, containers: [{ name: "app" }, { name: "meshctl-proxy" }] },
    status: { phase: "Running", podIP: `10.0.${index >> 8}.${index & 255}` },
  };
}

function replyOf(): StatsReply {
  const key = (index: number) => ({
    direction: "inbound" as const,
    peer: { identity: `client-${index}.demo`, ip: `10.1.0.${index}`, labels: {} },
    tls: "true",
    target: "8080",
    parent: "/default/all-unauthenticated",
    route: "/default/default",
    authorization: "/default/all-unauthenticated",
  });
  const counts = { requests: 600, successes: 597, failures: 3, denied: 0, retries: 0, timeouts: 0 };
  const latency = Array.from({ length: 30 }, (_, bucket): [number, number] => [150 + bucket, 20]);
  const connections = { open: 2, opened: 1, readBytes: 60_000, writeBytes: 600_000 };
  return {
    version: 1,
    windowMs: 60_000,
    nowMs: 0,
    uptimeMs: 600_000,
    proxyVersion: "0.1.0",
    identity: "web.demo",
    http: Array.from({ length: ROWS }, (_, index) => ({ ...key(index), ...counts, latency })),
    tcp: Array.from({ length: ROWS }, (_, index) => ({ ...key(index), ...connections })),
  };
}
