import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { arch, availableParallelism, platform, totalmem } from "node:os";
import { join, resolve } from "node:path";
import type { Clock } from "../base/clock.ts";
import { MeshError, systemErrorCode } from "../base/error.ts";
import type { KubeObject } from "../base/kube-object.ts";
import type { Logger } from "../base/log.ts";
import { type ApiServer, createApiServer } from "./apiserver/server.ts";
import { createStore } from "./apiserver/store.ts";
import { namespacedResources, ownableResources } from "./cluster-resources.ts";
import { startControllers } from "./controllers/all.ts";
import type { Controller } from "./controllers/controller.ts";
import { createIfMissing } from "./controllers/controller.ts";
import { createEventRecorder } from "./controllers/events.ts";
import { NODE_NAME, startNodeController } from "./controllers/node.ts";
import { lockDir } from "./dir-lock.ts";
import { type Kubelet, startKubelet } from "./kubelet/kubelet.ts";
import { killLeftovers } from "./leftovers.ts";
import { makeFolder } from "./make-folder.ts";
import { type ClusterAddresses, createClusterAddresses } from "./network/addresses.ts";
import { claimNetwork, preferredOctet } from "./network/claim.ts";
import { type DnsServer, startDnsServer } from "./network/dns-server.ts";
import { answerFromObjects } from "./network/dns-zone.ts";
import { startServiceForwarders } from "./network/forwarders.ts";
import { type HostPort, readyEndpoints } from "./network/ready-endpoints.ts";
import type { ObjectApi } from "./object-api.ts";
import { ENDPOINT_SLICES, NAMESPACES, SERVICES } from "./resources.ts";
import { readObjects, restoreObjects, startSaving } from "./saved-objects.ts";

export interface LocalClusterOptions {
  /** Kubeconfig, keys, logs and volumes; one cluster at a time may use it. Made when missing. */
  readonly dir: string;
  readonly clock: Clock;
  readonly log: Logger;
  /** The program and arguments that are this build: `[node, dist/meshctl.js]`. meshctl's image runs it. */
  readonly meshctlCommand: readonly string[];
  /** Environment of the caller; pods get PATH, HOME, locale and the like from it, nothing else. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly version: string;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Process that owns the directory's lock. */
  readonly pid: number;
  /** Where containers without `workingDir` run. */
  readonly cwd: string;
  /** Port of the API server on 127.0.0.1; 0 (the default) takes a free one. */
  readonly apiPort?: number;
  /** Objects and claims of an earlier life in `dir` are there again, and this life's are saved for the next. Otherwise it starts empty. */
  readonly keepsObjects?: boolean;
  /** With `keepsObjects`: forgets the earlier life first. */
  readonly isFresh?: boolean;
  /** Default `cluster.local`. */
  readonly clusterDomain?: string;
  /** Says what has been done, for progress lines. */
  readonly onProgress?: (message: string) => void;
}

/** @throws MeshError `DEV_DIR_UNUSABLE` */
async function makeDir(dir: string): Promise<void> {
  try {
    await makeFolder(dir, 0o700);
  } catch (cause) {
    const taken = systemErrorCode(cause) === "EEXIST" || systemErrorCode(cause) === "ENOTDIR";
    throw new MeshError({
      kind: "user",
      code: "DEV_DIR_UNUSABLE",
      message: `${dir} cannot be the folder of a cluster: ${taken ? "a file is in the way" : (cause as Error).message}`,
      hint: "name another folder with --dir; the default one is in $XDG_STATE_HOME, else ~/.local/state",
      cause,
    });
  }
}

export interface LocalCluster {
  readonly dir: string;
  readonly kubeconfigPath: string;
  /** Base URL of the API server. */
  readonly server: string;
  readonly objects: ObjectApi;
  readonly clusterDomain: string;
  /** 127.N.0.0/16: pods, Services, node. */
  readonly cidr: string;
  /** `ip:port` */
  readonly dnsServer: string;
  /** A ready endpoint of a Service's port; undefined when there is none. */
  serviceAddressOf(namespace: string, service: string, port: number | string): HostPort | undefined;
  /** Ends every process and listener; within 5 s, even when pods ignore SIGTERM. Safe to call again. */
  stop(): Promise<void>;
}

const DNS_PORT = 10_053;
/** What applications, and after them sidecars, get to end when the whole cluster stops. */
const STOP_GRACE_MS = 1500;
const INHERITED = [
  "PATH",
  "HOME",
  "USER",
  "LANG",
  "LC_ALL",
  "LC_CTYPE",
  "TZ",
  "TMPDIR",
  "NODE_EXTRA_CA_CERTS",
  "NODE_COMPILE_CACHE",
  "NODE_DISABLE_COMPILE_CACHE",
];

/**
 * Starts a cluster in this process: API server, controllers, kubelet and network. Pods are its child processes.
 *
 * What an earlier life in the same directory left running is ended first.
 *
 * @throws MeshError `DEV_ALREADY_RUNNING`, `NETWORK_NO_LOOPBACK`, `NETWORK_EXHAUSTED`, `LOCAL_PORT_IN_USE`
 */
export async function startLocalCluster(options: LocalClusterOptions): Promise<LocalCluster> {
  const dir = resolve(options.dir);
  const undo: (() => unknown)[] = [];
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= (async () => {
      for (const step of undo.reverse()) await step();
    })();
    return stopped;
  };
  try {
    return await assemble({ ...options, dir }, undo, stop);
  } catch (caught) {
    await stop();
    throw caught;
  }
}

async function assemble(
  options: LocalClusterOptions,
  undo: (() => unknown)[],
  stop: () => Promise<void>,
): Promise<LocalCluster> {
  const { dir, clock, log } = options;
  const progress = options.onProgress ?? (() => {});
  const clusterDomain = options.clusterDomain ?? "cluster.local";
  await makeDir(dir);
  const lock = await lockDir(dir, options.pid);
  undo.push(() => lock.release());
  // Before anything waits: the clock's timers do not keep the process alive, this socket does.
  const claim = await claimNetwork(preferredOctet(dir));
  undo.push(() => claim.release());
  const leftovers = await killLeftovers(dir, clock);
  if (leftovers > 0) progress(`ended ${leftovers} processes of a cluster that was killed here`);
  const podsDir = join(dir, "pods");
  const claimsDir = join(dir, "claims");
  const objectsFile = join(dir, "objects.jsonl");
  const clear = (path: string) => rm(path, { recursive: true, force: true, maxRetries: 3 });
  await clear(podsDir);
  undo.push(() => clear(podsDir));
  if (!options.keepsObjects || options.isFresh)
    for (const path of [claimsDir, objectsFile]) await clear(path);
  if (!options.keepsObjects) undo.push(() => clear(claimsDir));
  for (const folder of [podsDir, claimsDir]) await mkdir(folder, { mode: 0o700, recursive: true });

  const addresses = createClusterAddresses(claim.octet);
  const saved = options.keepsObjects ? await readObjects(objectsFile) : undefined;
  const store = createStore(saved ? { startVersion: saved.version } : {});
  if (saved) {
    const restored = restoreObjects(saved.objects, (ip) => addresses.clusterIps.allocate(ip));
    for (const { bucket, object } of restored) store.put(bucket, object);
    progress(`${restored.length} objects of the last life of this cluster are back`);
  }
  const server = await createApiServer({
    dir: join(dir, "apiserver"),
    store,
    port: options.apiPort ?? 0,
    clock,
    log,
    allocateClusterIp: (service, wanted) => allocateClusterIp(addresses, service, wanted),
  });
  undo.push(() => server.close());
  const { objects } = server;
  progress(`API server on ${server.url}`);

  const dns = await startDnsServer({
    host: addresses.dns,
    port: DNS_PORT,
    log,
    answer: (question) => answerFromObjects(objects, clusterDomain, question),
  });
  undo.push(() => dns.close());
  const kubelet = startNodeKubelet(options, { server, addresses, dns, clusterDomain, podsDir, claimsDir });
  undo.push(() => kubelet.stop(STOP_GRACE_MS));
  server.setPodBackend(kubelet.podBackend);
  const serviceAddressOf = pickInTurn(objects);
  server.setServiceDialer({ resolve: serviceAddressOf });

  const base = { objects, clock, log };
  const controllers = startControllers(base, {
    caPem: server.caPem,
    claimsDir,
    namespacedResources: () => namespacedResources(objects),
    ownableResources: ownableResources(),
    finalizeNamespace: (namespace) => finalizeNamespace(objects, namespace),
  });
  undo.push(() => controllers.stop());
  for (const controller of await startNodeAndNetwork(options, { server, addresses, kubelet })) {
    undo.push(() => controller.stop());
  }

  if (options.keepsObjects) {
    const saver = startSaving(store, { file: objectsFile, clock, log });
    // Before the pods are ended: what is saved is a cluster at work.
    undo.push(() => saver.stop());
  }

  const kubeconfigPath = join(dir, "kubeconfig");
  await writeFile(kubeconfigPath, await server.kubeconfig(), { mode: 0o600 });
  await chmod(kubeconfigPath, 0o600);
  progress(`network ${addresses.cidr}, names from ${dns.address}`);
  return {
    dir,
    kubeconfigPath,
    server: server.url,
    objects,
    clusterDomain,
    cidr: addresses.cidr,
    dnsServer: dns.address,
    serviceAddressOf,
    stop,
  };
}

interface Parts {
  readonly server: ApiServer;
  readonly addresses: ClusterAddresses;
}

function startNodeKubelet(
  options: LocalClusterOptions,
  parts: Parts & {
    readonly dns: DnsServer;
    readonly clusterDomain: string;
    readonly podsDir: string;
    readonly claimsDir: string;
  },
): Kubelet {
  const { clock, log, env } = options;
  const { server, addresses, dns } = parts;
  const { objects } = server;
  const inherited = INHERITED.flatMap((name): [string, string][] => {
    const value = env[name];
    return value === undefined ? [] : [[name, value]];
  });
  return startKubelet(
    {
      objects,
      clock,
      log,
      random: options.random,
      events: createEventRecorder({ objects, clock, log, component: "kubelet" }),
      meshctlCommand: options.meshctlCommand,
      baseEnvironment: Object.fromEntries(inherited),
      apiServer: { host: server.host, port: server.port },
      clusterDir: options.dir,
      cwd: options.cwd,
      clusterDomain: parts.clusterDomain,
      dnsServer: dns.address,
      podsDir: parts.podsDir,
      claimsDir: parts.claimsDir,
      node: { name: NODE_NAME, ip: addresses.node, cpus: availableParallelism(), memoryBytes: totalmem() },
      mintToken: async ({ namespace, serviceAccount, audiences, expirationSeconds, pod }) => {
        const issued = server.mintToken(namespace, serviceAccount, audiences, expirationSeconds, {
          ...pod,
          nodeName: NODE_NAME,
        });
        return { token: issued.token, expiresAtMs: Date.parse(issued.expirationTimestamp) };
      },
    },
    addresses.pods,
  );
}

async function startNodeAndNetwork(
  options: LocalClusterOptions,
  { server, addresses, kubelet }: Parts & { readonly kubelet: Kubelet },
): Promise<Controller[]> {
  const { clock, log } = options;
  const { objects } = server;
  const context = (component: string) => ({
    objects,
    clock,
    log,
    events: createEventRecorder({ objects, clock, log, component }),
  });
  const stopReleasing = objects.watch(SERVICES, (type, service) => {
    if (type === "DELETED" && service.spec?.clusterIP) addresses.clusterIps.release(service.spec.clusterIP);
  });
  await publishApiServer(objects, addresses, server);
  return [
    { stop: stopReleasing, idle: () => Promise.resolve() },
    startServiceForwarders(context("service-forwarder"), { isPodAddress: kubelet.isPodAddress }),
    await startNodeController(context("node-controller"), {
      ip: addresses.node,
      cpus: availableParallelism(),
      memoryBytes: totalmem(),
      version: options.version,
      os: platform(),
      architecture: arch(),
    }),
  ];
}

/** @throws MeshError `KUBE_INVALID` */
function allocateClusterIp(
  addresses: ClusterAddresses,
  service: KubeObject,
  wanted: string | undefined,
): string {
  const allocated = addresses.clusterIps.allocate(wanted);
  if (allocated !== undefined) return allocated;
  throw new MeshError({
    kind: "user",
    code: "KUBE_INVALID",
    message:
      wanted === undefined
        ? `Service "${service.metadata.name}": no ClusterIP is free`
        : `Service "${service.metadata.name}" is invalid: spec.clusterIP: ${wanted} is taken, or lies outside of ${addresses.cidr}`,
    hint: "leave spec.clusterIP out",
  });
}

async function finalizeNamespace(objects: ObjectApi, namespace: KubeObject): Promise<void> {
  const { resourceVersion: _version, ...metadata } = namespace.metadata;
  await objects.update(NAMESPACES, { ...namespace, metadata, spec: { finalizers: [] } }, "finalize");
}

/** Service `default/kubernetes`, which is how clients in pods know the API server. */
async function publishApiServer(
  objects: ObjectApi,
  addresses: ClusterAddresses,
  server: ApiServer,
): Promise<void> {
  const metadata = {
    name: "kubernetes",
    namespace: "default",
    labels: { component: "apiserver", provider: "kubernetes" },
  };
  const existing = objects.get(SERVICES, "default", "kubernetes");
  if (existing?.spec?.clusterIP) addresses.clusterIps.allocate(existing.spec.clusterIP);
  await createIfMissing(objects, SERVICES, {
    apiVersion: "v1",
    kind: "Service",
    metadata,
    spec: { ports: [{ name: "https", port: 443, targetPort: server.port, protocol: "TCP" }] },
  });
  await createIfMissing(objects, ENDPOINT_SLICES, {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { ...metadata, labels: { "kubernetes.io/service-name": "kubernetes" } },
    addressType: "IPv4",
    ports: [{ name: "https", port: server.port, protocol: "TCP" }],
    endpoints: [{ addresses: [server.host], conditions: { ready: true } }],
  });
}

/** Ready endpoints in turn: whoever asks again after a failure gets another one. */
function pickInTurn(objects: ObjectApi): LocalCluster["serviceAddressOf"] {
  let turn = 0;
  return (namespace, service, port) => {
    const ready = readyEndpoints(objects, namespace, service, port);
    return ready[turn++ % Math.max(1, ready.length)];
  };
}
