import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import type { KubeObject } from "../../src/base/kube-object.ts";
import { silentLogger } from "../../src/base/log.ts";
import { VERSION } from "../../src/base/version.ts";
import { waitAvailable } from "../../src/demo/wait-available.ts";
import { planInstall } from "../../src/install/plan-install.ts";
import { printObjects } from "../../src/install/print-objects.ts";
import type { KubeClient } from "../../src/kube/client.ts";
import { createKubeClient } from "../../src/kube/connect.ts";
import { applyManifests, deleteManifests } from "../../src/local/apply-manifests.ts";
import { type LocalCluster, startLocalCluster } from "../../src/local/cluster.ts";
import { PODS } from "../../src/local/resources.ts";
import { defaultValues } from "../../src/values/defaults.ts";
import { BUILT_ENTRY, ROOT } from "./run-process.ts";

/** A hang ends as a failure that says what is not ready; it is no statement about speed. */
const LIMIT_MS = 120_000;

/** The mesh of the built program, installed in a local cluster of this process: real proxies, real sockets. */
export interface LocalMesh {
  readonly cluster: LocalCluster;
  readonly kube: KubeClient;
  /** As `kubectl apply -f -` does. */
  apply(yaml: string): Promise<unknown>;
  /** As `kubectl delete -f -` does. */
  delete(yaml: string): Promise<unknown>;
  /** Resolves when every Deployment of a namespace is available. */
  available(namespace: string): Promise<void>;
  /** Pods with a label `app`, the youngest last. */
  pods(namespace: string, app: string): KubeObject[];
  stop(): Promise<void>;
}

export async function startLocalMesh(): Promise<LocalMesh> {
  const dir = await mkdtemp(join(tmpdir(), "meshctl-mesh-"));
  const cluster = await startLocalCluster({
    dir,
    clock: systemClock,
    log: silentLogger,
    meshctlCommand: [process.execPath, BUILT_ENTRY],
    env: process.env,
    version: VERSION,
    random: Math.random,
    pid: process.pid,
    cwd: ROOT,
  });
  const kube = await createKubeClient({
    kubeconfig: cluster.kubeconfigPath,
    context: undefined,
    as: undefined,
    asGroups: [],
    env: {},
  });
  const mesh: LocalMesh = {
    cluster,
    kube,
    apply: (yaml) => applyManifests(kube, yaml, { file: "test.yaml" }),
    delete: (yaml) => deleteManifests(kube, yaml, { file: "test.yaml" }),
    available: (namespace) =>
      waitAvailable({
        objects: cluster.objects,
        namespace,
        clock: systemClock,
        limitMs: LIMIT_MS,
        signal: new AbortController().signal,
        onAvailable() {},
      }),
    pods: (namespace, app) =>
      cluster.objects
        .list(PODS, namespace)
        .filter(({ metadata }) => metadata.labels?.app === app && metadata.deletionTimestamp === undefined)
        .sort((left, right) =>
          left.metadata.creationTimestamp! < right.metadata.creationTimestamp! ? -1 : 1,
        ),
    async stop() {
      kube.close();
      await cluster.stop();
      await rm(dir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  try {
    const defaults = defaultValues(VERSION);
    const values = {
      ...defaults,
      clusterNetworks: "127.0.0.0/8",
      proxy: { ...defaults.proxy, capture: "explicit" as const },
    };
    const objects = await planInstall({ values, parts: "all", nowMs: systemClock.now() });
    await mesh.apply(printObjects(objects, "yaml"));
    await mesh.available(values.namespace);
    return mesh;
  } catch (error) {
    await mesh.stop();
    throw error;
  }
}
