import type { KubeObject } from "../../base/kube-object.ts";
import {
  CONFIG_PREFIX,
  INIT_CONTAINER,
  INJECT_ANNOTATION,
  PROXY_CONTAINER,
  PROXY_VERSION_ANNOTATION,
  TRUST_ROOTS_NAME,
} from "../../base/names.ts";
import { type CheckCategory, CheckFailed, type CheckInputs, Skipped } from "../check.ts";
import { podTrouble } from "../pod-state.ts";
import { listMeshedPods, listObjects, podName, readObject, readValues } from "../read.ts";
import { opaquePorts } from "./opaque-ports.ts";
import { portClash } from "./port-clash.ts";

export const dataPlaneIdentity: CheckCategory = {
  name: "meshctl-identity-data-plane",
  checks: [
    {
      anchor: "meshctl-identity-data-plane-proxies-certs-match-ca",
      label: "data plane proxies certificate match CA",
      warning: true,
      async run(inputs) {
        const roots = await readObject(
          inputs,
          `/api/v1/namespaces/${inputs.namespace}/configmaps/${TRUST_ROOTS_NAME}`,
        );
        const wanted: string = (roots?.data?.["ca-bundle.crt"] ?? "").trim();
        const others = (await listMeshedPods(inputs)).filter((pod) => {
          const anchors = proxyContainer(pod)?.env?.find(
            ({ name }) => name === "MESHCTL_PROXY_IDENTITY_TRUST_ANCHORS",
          );
          return anchors?.value !== undefined && anchors.value.trim() !== wanted;
        });
        failWithPods(inputs, "some pods do not have the current trust bundle and must be restarted:", others);
      },
    },
  ],
};

/** Refusals that are about a container of ours. */
const NAMES_OURS = new RegExp(`"(${PROXY_CONTAINER}|${INIT_CONTAINER})"`);

export const dataPlane: CheckCategory = {
  name: "meshctl-data-plane",
  checks: [
    {
      anchor: "meshctl-data-plane-exists",
      label: "data plane namespace exists",
      fatal: true,
      async run(inputs) {
        const namespace = inputs.dataPlaneNamespace;
        if (namespace === undefined) return;
        if (!(await readObject(inputs, `/api/v1/namespaces/${namespace}`))) {
          throw new CheckFailed(`the "${namespace}" namespace does not exist`);
        }
      },
    },
    {
      anchor: "pod-security",
      label: "pods with a proxy can be created",
      async run(inputs) {
        const scope =
          inputs.dataPlaneNamespace === undefined ? "" : `/namespaces/${inputs.dataPlaneNamespace}`;
        const sets = await listObjects(inputs, `/apis/apps/v1${scope}/replicasets`);
        const lines = sets.flatMap((set) =>
          ((set.status?.conditions ?? []) as { type: string; status: string; message?: string }[])
            .filter(
              ({ type, status, message }) =>
                type === "ReplicaFailure" && status === "True" && NAMES_OURS.test(message ?? ""),
            )
            .map(({ message }) => `\t* ${podName(inputs, set)}: ${message}`),
        );
        if (lines.length > 0) {
          throw new CheckFailed(`what injection adds is refused in some namespaces:\n${lines.join("\n")}`);
        }
      },
    },
    portClash,
    {
      anchor: "meshctl-data-plane-ready",
      label: "data plane proxies are ready",
      fatal: true,
      retry: true,
      async run(inputs) {
        const pods = await listMeshedPods(inputs);
        if (pods.length === 0) {
          const where =
            inputs.dataPlaneNamespace === undefined ? "" : ` in the "${inputs.dataPlaneNamespace}" namespace`;
          throw new CheckFailed(
            `no "${PROXY_CONTAINER}" containers found${where}: add workloads with \`meshctl inject\``,
          );
        }
        const unready = pods.filter((pod) => !isProxyReady(pod));
        failUnready(inputs, unready);
      },
    },
    {
      anchor: "meshctl-data-plane-version",
      label: "data plane is up-to-date",
      warning: true,
      run: async (inputs) =>
        expectVersion(
          inputs,
          (await readValues(inputs)).proxy.image.version || (await readValues(inputs)).meshctlVersion,
        ),
    },
    {
      anchor: "meshctl-data-plane-cli-version",
      label: "data plane and cli versions match",
      warning: true,
      run: (inputs) => expectVersion(inputs, inputs.cliVersion),
    },
    {
      anchor: "meshctl-data-plane-pod-labels",
      label: "data plane pod labels are configured correctly",
      warning: true,
      async run(inputs) {
        failMisplaced(inputs, await listMeshedPods(inputs), "labels", "annotations");
      },
    },
    {
      anchor: "meshctl-data-plane-services-labels",
      label: "data plane service labels are configured correctly",
      warning: true,
      async run(inputs) {
        const scope =
          inputs.dataPlaneNamespace === undefined ? "" : `/namespaces/${inputs.dataPlaneNamespace}`;
        failMisplaced(inputs, await listObjects(inputs, `/api/v1${scope}/services`), "labels", "annotations");
      },
    },
    opaquePorts,
  ],
};

interface ContainerView {
  readonly name: string;
  readonly image?: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
}

function proxyContainer(pod: KubeObject): ContainerView | undefined {
  const all: ContainerView[] = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  return all.find((container) => container.name === PROXY_CONTAINER);
}

function isProxyReady(pod: KubeObject): boolean {
  const statuses: { name: string; ready: boolean }[] = [
    ...(pod.status?.initContainerStatuses ?? []),
    ...(pod.status?.containerStatuses ?? []),
  ];
  return (
    pod.status?.phase === "Running" &&
    statuses.some((status) => status.name === PROXY_CONTAINER && status.ready)
  );
}

async function expectVersion(inputs: CheckInputs, wanted: string): Promise<void> {
  const pods = await listMeshedPods(inputs);
  if (pods.length === 0) throw new Skipped();
  const others = pods.flatMap((pod) => {
    const version = pod.metadata.annotations?.[PROXY_VERSION_ANNOTATION];
    // An image pinned by digest has no version to compare.
    const pinned = proxyContainer(pod)?.image?.includes("@") === true;
    return version === undefined || version === wanted || pinned
      ? []
      : [`\t* ${podName(inputs, pod)} (${version})`];
  });
  if (others.length > 0)
    throw new CheckFailed(`some proxies are not running version ${wanted}:\n${others.join("\n")}`);
}

function failWithPods(inputs: CheckInputs, what: string, pods: readonly KubeObject[]): void {
  if (pods.length === 0) return;
  throw new CheckFailed(`${what}\n${pods.map((pod) => `\t* ${podName(inputs, pod)}`).join("\n")}`);
}

function failUnready(inputs: CheckInputs, pods: readonly KubeObject[]): void {
  if (pods.length === 0) return;
  const troubles = pods.map((pod) => ({ pod, ...podTrouble(pod) }));
  const lines = troubles.map(({ pod, text }) => `\t* ${podName(inputs, pod)}: ${text}`);
  throw new CheckFailed(
    `the "${PROXY_CONTAINER}" container is not ready in:\n${lines.join("\n")}`,
    troubles.find(({ anchor }) => anchor !== undefined)?.anchor,
  );
}

/** Configuration written as a label does nothing; it belongs into annotations. */
function failMisplaced(
  inputs: CheckInputs,
  objects: readonly KubeObject[],
  where: "labels",
  instead: string,
): void {
  const lines = objects.flatMap((object) =>
    Object.keys(object.metadata[where] ?? {})
      .filter(
        (key) =>
          key === INJECT_ANNOTATION ||
          (key.startsWith(CONFIG_PREFIX) && key !== `${CONFIG_PREFIX}admission-webhooks`),
      )
      .map((key) => `\t* ${podName(inputs, object)}: ${key}`),
  );
  if (lines.length > 0) throw new CheckFailed(`some ${where} should be ${instead}:\n${lines.join("\n")}`);
}
