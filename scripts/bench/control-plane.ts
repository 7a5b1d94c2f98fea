/**
 * The real control plane in a process of its own: identity and controller over an API server that holds one Service, its pod and
 * its endpoints for each pair of proxies. Started by bench-proxy.ts.
 *
 *   control-plane.ts HOST DIR PLACES     PLACES: JSON list of { namespace, place, inboundPort, ports, opaquePorts }
 *
 * Prints one line of JSON when it is ready: ports, trust anchors, and the files with the proxies' tokens.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import type { KubeObject } from "../../src/base/kube-object.ts";
import { createLogger, silentLogger } from "../../src/base/log.ts";
import {
  CONFIG_PREFIX,
  CONTROL_PLANE_NS_LABEL,
  PROXY_CONTAINER,
  TOKEN_AUDIENCE,
} from "../../src/base/names.ts";
import { runIdentity } from "../../src/control/identity/run-identity.ts";
import { runController } from "../../src/control/run-controller.ts";
import { generateIssuer, generateWebhookCertificate } from "../../src/install/credentials.ts";
import { createKubeClient } from "../../src/kube/connect.ts";
import type { ResourceRef } from "../../src/kube/source.ts";
import { createApiServer } from "../../src/local/apiserver/server.ts";
import { defaultValues } from "../../src/values/defaults.ts";
import { valuesToYaml } from "../../src/values/yaml.ts";
import type { Place } from "./places.ts";

/** A server pod behind a Service, and what is known of its proxy. */
export interface ServedPlace {
  readonly namespace: string;
  readonly place: Place;
  readonly inboundPort: number;
  readonly ports: readonly number[];
  readonly opaquePorts: readonly number[];
}

export interface ControlPlaneAddress {
  readonly identityPort: number;
  readonly destinationPort: number;
  readonly policyPort: number;
  readonly trustAnchorsPem: string;
  readonly tokenFile: string;
}

const CONTROL_NAMESPACE = "meshctl";

if (import.meta.main) await main(process.argv[2]!, process.argv[3]!, JSON.parse(process.argv[4]!));

async function main(host: string, dir: string, served: readonly ServedPlace[]): Promise<void> {
  const nowMs = systemClock.now();
  const file = (name: string) => join(dir, name);
  await mkdir(dir, { recursive: true });
  const api = await createApiServer({
    dir: file("api"),
    port: 0,
    clock: systemClock,
    log: silentLogger,
    allocateClusterIp: (_service, wanted) => wanted!,
  });
  await writeFile(file("kubeconfig"), await api.kubeconfig(), { mode: 0o600 });
  const client = await createKubeClient({
    kubeconfig: file("kubeconfig"),
    context: undefined,
    as: undefined,
    asGroups: [],
    env: {},
  });
  const create: Create = async (ref, object) => {
    const { status, ...rest } = object as KubeObject;
    const made = await api.objects.create(ref, rest as KubeObject);
    if (!status) return;
    const { namespace, name } = made.metadata;
    await api.objects.mergePatch(ref, namespace, name!, { status }, "status");
  };
  for (const name of [CONTROL_NAMESPACE, ...served.map(({ namespace }) => namespace)]) {
    await create(ref("", "v1", "namespaces", "Namespace"), {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name },
    });
    const account = name === CONTROL_NAMESPACE ? "meshctl-controller" : "default";
    await create(ref("", "v1", "serviceaccounts", "ServiceAccount"), {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: account, namespace: name },
    });
  }
  for (const each of served) await createServed(create, each);

  const issuer = await generateIssuer("identity.meshctl.cluster.local", nowMs);
  const webhook = await generateWebhookCertificate("meshctl-injector.meshctl.svc", nowMs);
  const controllerToken = api.mintToken(CONTROL_NAMESPACE, "meshctl-controller", [TOKEN_AUDIENCE], 86_400);
  await writeFile(file("crt.pem"), issuer.certificatePem);
  await writeFile(file("key.pem"), issuer.privateKeyPem);
  await writeFile(file("ca-bundle.crt"), issuer.certificatePem);
  await writeFile(file("tls.crt"), webhook.certificatePem);
  await writeFile(file("tls.key"), webhook.privateKeyPem);
  await writeFile(file("controller-token"), controllerToken.token);
  await writeFile(
    file("values"),
    valuesToYaml({ ...defaultValues("0.0.0"), clusterNetworks: "10.0.0.0/8,127.0.0.0/8" }),
  );
  for (const { namespace } of served) {
    const { token } = api.mintToken(namespace, "default", [TOKEN_AUDIENCE], 86_400);
    await writeFile(file(`token-${namespace}`), token);
  }

  const stopping = new AbortController();
  process.once("SIGTERM", () => stopping.abort());
  const ports = new Map<string, number>();
  const listening = Promise.withResolvers<void>();
  const log = createLogger({
    level: "debug",
    format: "plain",
    now: () => systemClock.now(),
    write(line) {
      process.stderr.write(line);
      const match = /listening server=(\w+) port=(\d+)/.exec(line);
      if (!match) return;
      ports.set(match[1]!, Number(match[2]));
      if (["identity", "destination", "policy"].every((name) => ports.has(name))) listening.resolve();
    },
  });
  const shared = {
    client,
    clock: systemClock,
    random: Math.random,
    log,
    signal: stopping.signal,
    listenHost: host,
    adminPort: 0,
    ownNetworks: [],
    namespace: CONTROL_NAMESPACE,
    trustDomain: "cluster.local",
    trustRootsFile: file("ca-bundle.crt"),
  };
  const identity = runIdentity({
    ...shared,
    port: 0,
    issuerDir: dir,
    lifetimeMs: 86_400_000,
    skewMs: 20_000,
  });
  while (!ports.has("identity")) await Promise.race([identity, new Promise((done) => setTimeout(done, 20))]);
  const controller = runController({
    ...shared,
    clusterDomain: "cluster.local",
    clusterNetworks: [],
    ports: { destination: 0, policy: 0, injector: 0 },
    valuesFile: file("values"),
    tlsDir: dir,
    tokenFile: file("controller-token"),
    identity: { host, port: ports.get("identity")! },
    dnsServers: [],
    defaultInboundPolicy: undefined,
    defaultOpaquePorts: undefined,
    podName: "controller-1",
  });
  await Promise.race([listening.promise, identity, controller]);
  const address: ControlPlaneAddress = {
    identityPort: ports.get("identity")!,
    destinationPort: ports.get("destination")!,
    policyPort: ports.get("policy")!,
    trustAnchorsPem: issuer.certificatePem,
    tokenFile: file("token-"),
  };
  process.stdout.write(`${JSON.stringify(address)}\n`);
  await Promise.allSettled([identity, controller]);
  client.close();
  await api.close();
}

type Create = (ref: ResourceRef, object: object) => Promise<void>;

/** A Service named `web`, the pod behind it, and the pod that calls. */
async function createServed(create: Create, served: ServedPlace): Promise<void> {
  const { namespace, place, ports, opaquePorts } = served;
  const servicePorts = ports.map((port) => ({ name: `p${port}`, port, targetPort: port, protocol: "TCP" }));
  const opaque = { [`${CONFIG_PREFIX}opaque-ports`]: opaquePorts.join(",") };
  await create(ref("", "v1", "services", "Service"), {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "web", namespace, annotations: opaque },
    spec: { clusterIP: place.serviceHost, selector: { app: "web" }, ports: servicePorts },
  });
  for (const [name, ip] of [
    ["web-1", place.serverHost],
    ["client-1", place.clientHost],
  ] as const) {
    await create(ref("", "v1", "pods", "Pod"), {
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        name,
        namespace,
        labels: { app: name.slice(0, -2), [CONTROL_PLANE_NS_LABEL]: CONTROL_NAMESPACE },
        annotations: opaque,
      },
      spec: {
        nodeName: "node-1",
        containers: [
          {
            name: "app",
            image: "example/app:1",
            ports: ports.map((port) => ({ containerPort: port })),
          },
          {
            name: PROXY_CONTAINER,
            image: "meshctl:dev",
            env: [{ name: "MESHCTL_PROXY_INBOUND_LISTEN_ADDR", value: `0.0.0.0:${served.inboundPort}` }],
          },
        ],
      },
      status: {
        phase: "Running",
        podIP: ip,
        podIPs: [{ ip }],
        conditions: [{ type: "Ready", status: "True" }],
      },
    });
  }
  await create(ref("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice"), {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: "web-1", namespace, labels: { "kubernetes.io/service-name": "web" } },
    addressType: "IPv4",
    endpoints: [
      {
        addresses: [place.serverHost],
        conditions: { ready: true, serving: true, terminating: false },
        targetRef: { kind: "Pod", name: "web-1", namespace },
      },
    ],
    ports: servicePorts.map(({ name, port, protocol }) => ({ name, port, protocol })),
  });
}

function ref(group: string, version: string, plural: string, kind: string): ResourceRef {
  return { group, version, plural, kind };
}
