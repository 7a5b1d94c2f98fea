import type { Timer } from "../../base/clock.ts";
import type { KubeObject } from "../../base/kube-object.ts";
import { LEASES, NODES } from "../resources.ts";
import type { Controller, ControllerContext } from "./controller.ts";
import { createIfMissing, mergeConditions, timestamp } from "./controller.ts";

/** The one node of a local cluster. */
export const NODE_NAME = "local";

const LEASE_SECONDS = 40;
const HEARTBEAT_MS = 10_000;

export interface NodeFacts {
  readonly ip: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly version: string;
  readonly os: string;
  readonly architecture: string;
}

/** Registers Node `local` and keeps its Lease fresh. Resolves when the node exists. */
export async function startNodeController(context: ControllerContext, facts: NodeFacts): Promise<Controller> {
  const { objects, clock, log } = context;
  await createIfMissing(objects, NODES, nodeObject(facts));
  const now = timestamp(clock.now());
  const ready = {
    type: "Ready",
    status: "True",
    reason: "KubeletReady",
    message: "containers run as local processes",
  } as const;
  await objects.mergePatch(
    NODES,
    undefined,
    NODE_NAME,
    { status: { ...nodeStatus(facts), conditions: mergeConditions(undefined, [ready], now) } },
    "status",
  );
  await createIfMissing(objects, LEASES, {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: NODE_NAME, namespace: "kube-node-lease" },
    spec: {
      holderIdentity: NODE_NAME,
      leaseDurationSeconds: LEASE_SECONDS,
      renewTime: microTime(clock.now()),
    },
  });

  let stopped = false;
  let timer: Timer;
  const beat = (): void => {
    timer = clock.schedule(HEARTBEAT_MS, () => {
      objects
        .mergePatch(LEASES, "kube-node-lease", NODE_NAME, { spec: { renewTime: microTime(clock.now()) } })
        .catch((caught: unknown) => log.warn("node lease was not renewed", { error: String(caught) }))
        .finally(() => {
          if (!stopped) beat();
        });
    });
  };
  beat();
  return {
    stop: () => {
      stopped = true;
      timer.cancel();
    },
    idle: () => Promise.resolve(),
  };
}

function microTime(nowMs: number): string {
  return new Date(nowMs).toISOString().replace("Z", "000Z");
}

function nodeObject(facts: NodeFacts): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name: NODE_NAME,
      labels: {
        "kubernetes.io/hostname": NODE_NAME,
        "kubernetes.io/os": facts.os,
        "kubernetes.io/arch": goArchitecture(facts.architecture),
      },
    },
    spec: {},
    status: nodeStatus(facts),
  };
}

/** Kubernetes has Go's word for what Node calls `x64`. */
function goArchitecture(name: string): string {
  return name === "x64" ? "amd64" : name;
}

function nodeStatus(facts: NodeFacts): object {
  const resources = {
    cpu: String(facts.cpus),
    memory: `${Math.floor(facts.memoryBytes / 1024)}Ki`,
    pods: "500",
  };
  return {
    addresses: [
      { type: "InternalIP", address: facts.ip },
      { type: "Hostname", address: NODE_NAME },
    ],
    capacity: resources,
    allocatable: resources,
    nodeInfo: {
      architecture: goArchitecture(facts.architecture),
      bootID: "",
      containerRuntimeVersion: `process://${facts.version}`,
      kernelVersion: "",
      kubeProxyVersion: "",
      kubeletVersion: `v1.32.0-meshctl.${facts.version}`,
      machineID: "",
      operatingSystem: facts.os,
      osImage: "meshctl dev",
      systemUUID: "",
    },
  };
}
