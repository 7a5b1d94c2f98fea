import { connect } from "node:net";
import type { Duplex } from "node:stream";
import type { DescMessage, DescMethod, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { MeshError } from "../base/error.ts";
import { trySplitHostPort } from "../base/ip.ts";
import type { KubeObject } from "../base/kube-object.ts";
import {
  COMPONENT_LABEL,
  CONFIG_MAP_NAME,
  CONTROLLER_NAME,
  TRUST_ROOTS_NAME,
  workloadIdentity,
} from "../base/names.ts";
import type { KubeClient, KubeList } from "../kube/client.ts";
import { firstMessage } from "./mesh-grpc.ts";

/** Time for a question and its answer, milliseconds. */
const CALL_MS_MAX = 10_000;

export interface ControllerQuestion<I extends DescMessage, O extends DescMessage> {
  /** Control-plane namespace. */
  readonly namespace: string;
  /** This pod of the controller; undefined: any that runs, best one that is ready. */
  readonly pod: string | undefined;
  readonly port: number;
  /** `host:port` of the controller, to go there directly; undefined: by a port-forward. */
  readonly address?: string | undefined;
  readonly method: DescMethod & { readonly input: I; readonly output: O };
  readonly request: MessageInitShape<I>;
}

/**
 * Asks the controller what it would tell a proxy.
 *
 * @throws MeshError `DIAGNOSTICS_NO_CONTROLLER`, `DIAGNOSTICS_CALL`, `DIAGNOSTICS_TLS`, and what the cluster answers
 */
export async function askController<I extends DescMessage, O extends DescMessage>(
  kube: KubeClient,
  question: ControllerQuestion<I, O>,
  signal: AbortSignal,
): Promise<MessageShape<O>> {
  const { namespace, port, method, request } = question;
  const [pod, roots, trustDomain] = await Promise.all([
    question.address ?? question.pod ?? findController(kube, namespace),
    kube.request<KubeObject>("GET", `/api/v1/namespaces/${namespace}/configmaps/${TRUST_ROOTS_NAME}`),
    readTrustDomain(kube, namespace),
  ]);
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(CALL_MS_MAX)]);
  return firstMessage({
    connection:
      question.address === undefined
        ? await kube.portForward(namespace, pod, port, deadline)
        : await dial(question.address, deadline),
    anchorsPem: roots.data?.["ca-bundle.crt"] ?? "",
    identity: workloadIdentity(CONTROLLER_NAME, namespace, namespace, trustDomain),
    method,
    request,
    signal: deadline,
  });
}

/** @throws MeshError `DIAGNOSTICS_ADDRESS` */
async function dial(address: string, signal: AbortSignal): Promise<Duplex> {
  const target = trySplitHostPort(address);
  const fail = (why: string, cause?: unknown): MeshError =>
    new MeshError({
      kind: "usage",
      code: "DIAGNOSTICS_ADDRESS",
      message: `--api-addr ${address} ${why}`,
      hint: "give host and port of the controller's service: 8086 for endpoints and profiles, 8090 for policies",
      cause,
    });
  if (target?.port === undefined) throw fail("is no host and port");
  const socket = connect({ host: target.host, port: target.port, signal });
  return new Promise((resolve, reject) => {
    socket.once("connect", () => resolve(socket));
    socket.once("error", (error) => reject(fail(`cannot be reached: ${error.message}`, error)));
  });
}

/** The domain that the installation's identities end in. */
export function readTrustDomain(kube: KubeClient, namespace: string): Promise<string> {
  return readDomain(kube, namespace, "identityTrustDomain");
}

/** The domain that names of Services end in. */
export function readClusterDomain(kube: KubeClient, namespace: string): Promise<string> {
  return readDomain(kube, namespace, "clusterDomain");
}

async function readDomain(
  kube: KubeClient,
  namespace: string,
  key: "identityTrustDomain" | "clusterDomain",
): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/configmaps/${CONFIG_MAP_NAME}`;
  const config = await kube.request<KubeObject>("GET", path);
  // `values` is YAML of our own making: one key at the margin needs no parser.
  const values: string = config.data?.values ?? "";
  return new RegExp(`^${key}: "?([^"\\s]+)"?$`, "m").exec(values)?.[1] ?? "cluster.local";
}

async function findController(kube: KubeClient, namespace: string): Promise<string> {
  const { items } = await kube.request<KubeList>("GET", `/api/v1/namespaces/${namespace}/pods`, {
    query: { labelSelector: `${COMPONENT_LABEL}=controller` },
  });
  // One that is not ready may still answer, and it is then that its answers are wanted.
  const pod = items.find(isReady) ?? items.find(({ status }) => status?.phase === "Running");
  if (pod) return pod.metadata.name!;
  throw new MeshError({
    kind: "environment",
    code: "DIAGNOSTICS_NO_CONTROLLER",
    message: `no pod of ${CONTROLLER_NAME} in namespace ${namespace} runs (there are ${items.length})`,
    hint: "meshctl check says what keeps it; -L names the namespace of another installation",
  });
}

function isReady({ status }: KubeObject): boolean {
  return (status?.conditions ?? []).some(
    (condition: { type: string; status: string }) =>
      condition.type === "Ready" && condition.status === "True",
  );
}
