/**
 * The cluster under test, as the suite's files see it. `scripts/test-cluster.ts` sets the environment; a file can also run by
 * itself (`node --test test/cluster/x.test.ts`) against the mesh that KUBECONFIG's cluster has.
 */
import { existsSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { dirname, join } from "node:path";
import {
  BUILT_ENTRY,
  describeRun,
  type RunningProcess,
  type RunOptions,
  type RunResult,
  runProcess,
  startProcess,
} from "../../support/run-process.ts";

/** Every program of the suite's pods is in one image. */
export const APPS_IMAGE = process.env.CLUSTER_TEST_APPS_IMAGE ?? "cluster-test-apps:dev";
export const MESH_IMAGE = process.env.CLUSTER_TEST_IMAGE ?? "meshctl:dev";
export const KUBECONFIG = process.env.KUBECONFIG;
/** The suite's own namespaces carry it, so that whoever started the suite can remove what a crash left. */
export const RUN_LABEL = "cluster-test/run";
export const RUN = process.env.CLUSTER_TEST_RUN ?? `by-hand-${process.pid}`;
const ENTRY = process.env.CLUSTER_TEST_ENTRY ?? BUILT_ENTRY;
/** A hang ends as a failure with output; none of these says how fast anything has to be. */
export const LIMIT_MS = 180_000;

/** Reason to skip, or false. */
export const NO_CLUSTER: string | false =
  KUBECONFIG === undefined || KUBECONFIG === ""
    ? "KUBECONFIG is not set: npm run test:cluster -- --up, or with --kubeconfig FILE"
    : false;

/** Reason to skip what installs or removes the mesh, or false. */
export const MESH_IS_SHARED: string | false =
  NO_CLUSTER ||
  (process.env.CLUSTER_TEST_OWN_MESH === "1" ? false : "the mesh was there before: it is used, not replaced");

export const KUBECTL = findKubectl();

function findKubectl(): string {
  if (process.env.CLUSTER_TEST_KUBECTL) return process.env.CLUSTER_TEST_KUBECTL;
  // A cluster made by scripts brings the kubectl that matches it.
  const beside = KUBECONFIG ? join(dirname(KUBECONFIG), "bin", "kubectl") : "";
  return existsSync(beside) ? beside : "kubectl";
}

export function kubectl(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return runProcess(KUBECTL, args, { limitMs: LIMIT_MS, ...options });
}

export function meshctl(args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return runProcess(process.execPath, [ENTRY, ...args], { limitMs: LIMIT_MS, ...options });
}

/** A verb that goes on: `tap`. */
export function startMeshctl(args: readonly string[]): RunningProcess {
  return startProcess(process.execPath, [ENTRY, ...args]);
}

/** `meshctl ... | kubectl ... -f -`, as documented. */
export async function meshctlToKubectl(
  meshctlArgs: readonly string[],
  kubectlArgs: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const { stdout } = await meshctl(meshctlArgs, options);
  return kubectl([...kubectlArgs, "-f", "-"], { stdin: stdout });
}

export async function kubectlJson<T>(args: readonly string[]): Promise<T> {
  return JSON.parse((await kubectl([...args, "-o", "json"])).stdout) as T;
}

export async function apply(objects: readonly object[]): Promise<void> {
  const list = { apiVersion: "v1", kind: "List", items: objects };
  await kubectl(["apply", "-f", "-"], { stdin: JSON.stringify(list) });
}

/** Waits until each Deployment, StatefulSet or DaemonSet (`deploy/web`) has rolled out. */
export async function rolledOut(namespace: string, ...workloads: readonly string[]): Promise<void> {
  for (const workload of workloads) {
    const args = ["rollout", "status", workload, "-n", namespace, `--timeout=${LIMIT_MS / 1000}s`];
    await kubectl(args, { limitMs: LIMIT_MS + 10_000 });
  }
}

/** Runs a program in the application container of a pod. */
export function execIn(
  namespace: string,
  pod: string,
  command: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  return kubectl(["exec", "-n", namespace, pod, "-c", "app", "--", ...command], options);
}

export interface StatRow {
  readonly name: string;
  readonly meshed: string;
  readonly success: number | null;
  readonly rps: number | null;
  readonly tcp_open_connections: number | null;
}

export interface Edge {
  readonly src: string;
  readonly dst: string;
  readonly src_namespace: string;
  readonly dst_namespace: string;
  readonly client_id: string;
  readonly server_id: string;
  readonly no_tls_reason: string;
}

export interface Pod {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid: string;
    readonly deletionTimestamp?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly nodeName: string;
    readonly containers: readonly { readonly name: string }[];
    readonly initContainers?: readonly { readonly name: string; readonly restartPolicy?: string }[];
  };
  readonly status: { readonly podIP?: string; readonly phase: string };
}

export async function pods(namespace: string, selector?: string): Promise<readonly Pod[]> {
  const args = ["get", "pods", "-n", namespace, ...(selector ? ["-l", selector] : [])];
  return (await kubectlJson<{ items: Pod[] }>(args)).items;
}

/** A pod's proxy, whichever form injection gave it. */
export function isMeshed(pod: Pod): boolean {
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  return containers.some(({ name }) => name === "meshctl-proxy");
}

/** True when the node is this very machine, so that its interfaces and processes can be looked at. */
export async function nodeIsHere(): Promise<boolean> {
  const { items } = await kubectlJson<{
    items: { status: { addresses: { type: string; address: string }[] } }[];
  }>(["get", "nodes"]);
  const own = new Set(
    Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address)),
  );
  return items.every(({ status }) =>
    status.addresses.some(({ type, address }) => type === "InternalIP" && own.has(address)),
  );
}

/**
 * What a reader of a failure wants to see: pods, events, and the end of every proxy's and application's log. Never throws: it
 * runs while another error is on its way.
 */
export async function describeNamespace(namespace: string): Promise<string> {
  const parts: string[] = [];
  const show = async (...args: string[]) => {
    try {
      const result = await kubectl([...args, "-n", namespace], { expectExit: "any", limitMs: 30_000 });
      parts.push(describeRun("kubectl", [...args, "-n", namespace], result));
      return result.stdout;
    } catch (error) {
      parts.push(String(error));
      return "";
    }
  };
  await show("get", "pods,svc,endpointslices", "-o", "wide");
  await show("get", "events", "--sort-by=.lastTimestamp");
  const names = (await show("get", "pods", "-o", "name")).trim().split("\n").filter(Boolean);
  // Forty pods' logs would bury the claim that failed.
  for (const pod of names.slice(0, 8)) {
    await show("logs", pod, "--all-containers", "--prefix", "--tail=40");
    const path = `/api/v1/namespaces/${namespace}/pods/${pod.slice("pod/".length)}:4191/proxy/metrics`;
    const metrics = await runProcess(KUBECTL, ["get", "--raw", path], { expectExit: "any" });
    const told = metrics.stdout
      .split("\n")
      .filter((line) => /errors?_total|classification="failure"/.test(line));
    if (told.length > 0) parts.push(`${pod} counts failures:\n${told.join("\n")}`);
  }
  return parts.join("\n\n");
}
