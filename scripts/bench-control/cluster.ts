import type { KubeObject } from "../../src/base/kube-object.ts";
import type { KubeClient } from "../../src/kube/client.ts";
import { markerIp } from "./marker.ts";

export const BENCH_NAMESPACE = "bench";
/** Requests to the API server that are on their way at once while the cluster is filled. */
const FILLING = 20;

/** Services with meshed pods behind them, each with one EndpointSlice. */
export class BenchCluster {
  readonly #client: KubeClient;
  readonly #slices: KubeObject[] = [];
  /** The last change of each Service. */
  readonly #changing = new Map<number, Promise<void>>();

  constructor(client: KubeClient) {
    this.#client = client;
  }

  async fill(services: number, pods: number): Promise<void> {
    await this.#create("/api/v1/namespaces", {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: BENCH_NAMESPACE },
    });
    // A real cluster's controllers make it; it may be there already.
    await this.#create(`/api/v1/namespaces/${BENCH_NAMESPACE}/serviceaccounts`, {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: "default" },
    }).catch((error: { code?: string }) => {
      if (error.code !== "KUBE_ALREADY_EXISTS") throw error;
    });
    const numbers = Array.from({ length: services }, (_, number) => number).values();
    const worker = async () => {
      for (const number of numbers) await this.#addService(number, pods);
    };
    await Promise.all(Array.from({ length: FILLING }, worker));
  }

  /** Puts an endpoint more into a Service's slice, or takes it out again; changes of one Service wait for each other. */
  change(service: number, marker: number | undefined): Promise<void> {
    const before = this.#changing.get(service) ?? Promise.resolve();
    const change = before.then(() => this.#put(service, marker));
    this.#changing.set(service, change);
    return change;
  }

  async #put(service: number, marker: number | undefined): Promise<void> {
    const slice = this.#slices[service]!;
    const endpoints = slice.endpoints.filter((endpoint: { targetRef?: object }) => endpoint.targetRef);
    if (marker !== undefined) endpoints.push({ addresses: [markerIp(marker)], conditions: { ready: true } });
    const { name } = slice.metadata;
    this.#slices[service] = await this.#client.request(
      "PUT",
      `/apis/discovery.k8s.io/v1/namespaces/${BENCH_NAMESPACE}/endpointslices/${name}`,
      { body: { ...slice, endpoints } },
    );
  }

  async #addService(number: number, pods: number): Promise<void> {
    const name = serviceName(number);
    const at = `namespaces/${BENCH_NAMESPACE}`;
    await this.#create(`/api/v1/${at}/services`, {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name },
      // Without a selector nobody else writes its slices.
      spec: { ports: [{ name: "http", port: 80, targetPort: 8080 }] },
    });
    const names = Array.from({ length: pods }, (_, pod) => `${name}-${pod}`);
    for (const pod of names) {
      await this.#create(`/api/v1/${at}/pods`, {
        apiVersion: "v1",
        kind: "Pod",
        metadata: {
          name: pod,
          labels: {
            app: name,
            "meshctl.io/control-plane-ns": "meshctl",
            "meshctl.io/proxy-deployment": name,
            "pod-template-hash": "5d4c9f7b8",
          },
        },
        spec: {
          // It shall stay where it is: known, and nowhere running.
          schedulerName: "nobody",
          containers: [
            { name: "app", image: "example/app:1", ports: [{ name: "http", containerPort: 8080 }] },
          ],
        },
      });
    }
    this.#slices[number] = await this.#create(`/apis/discovery.k8s.io/v1/${at}/endpointslices`, {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { name: `${name}-1`, labels: { "kubernetes.io/service-name": name } },
      addressType: "IPv4",
      ports: [{ name: "http", port: 8080, protocol: "TCP" }],
      endpoints: names.map((pod, index) => ({
        addresses: [`10.${1 + (number >> 8)}.${number & 255}.${1 + index}`],
        conditions: { ready: true },
        targetRef: { kind: "Pod", name: pod, namespace: BENCH_NAMESPACE },
      })),
    });
  }

  #create(path: string, body: object): Promise<KubeObject> {
    return this.#client.request("POST", path, { body });
  }
}

export function serviceName(number: number): string {
  return `web-${number}`;
}

export function servicePath(number: number): string {
  return `${serviceName(number)}.${BENCH_NAMESPACE}.svc.cluster.local:80`;
}
