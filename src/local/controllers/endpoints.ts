import { createHash } from "node:crypto";
import type { KubeObject } from "../../base/kube-object.ts";
import { ENDPOINT_SLICES, ENDPOINTS, objectKey, PODS, SERVICES, splitKey } from "../resources.ts";
import type { Controller, ControllerContext } from "./controller.ts";
import { controllerReference, createIfMissing, deleteIfThere } from "./controller.ts";
import type { SliceContent } from "./endpoint-slices.ts";
import { sliceContents } from "./endpoint-slices.ts";
import { canonicalJson } from "./template-hash.ts";
import { WorkQueue } from "./work-queue.ts";

const SERVICE_LABEL = "kubernetes.io/service-name";
const MANAGED_BY = "endpointslice.kubernetes.io/managed-by";
const MANAGER = "endpointslice-controller.k8s.io";

/** EndpointSlices and Endpoints of every Service that has a selector. */
export function startEndpointsController(context: ControllerContext): Controller {
  const { objects, clock, log } = context;
  const queue = new WorkQueue({
    name: "endpoints-controller",
    clock,
    log,
    reconcile: async (key) => {
      const { namespace, name } = splitKey(key);
      const service = objects.get(SERVICES, namespace, name);
      if (!service || service.metadata.deletionTimestamp) return deleteAll(context, namespace, name);
      if (!service.spec?.selector || Object.keys(service.spec.selector).length === 0) return;
      const pods = objects.list(PODS, namespace).filter((pod) => isSelected(service, pod));
      const contents = sliceContents(service, pods);
      await writeSlices(context, service, contents);
      await writeEndpoints(context, service, contents);
    },
  });
  const stops = [
    objects.watch(SERVICES, (_type, service) => queue.add(objectKey(service))),
    objects.watch(PODS, (_type, pod) => {
      const namespace = pod.metadata.namespace!;
      for (const service of objects.list(SERVICES, namespace)) {
        if (isSelected(service, pod) || isMember(context, service, pod)) queue.add(objectKey(service));
      }
    }),
  ];
  return {
    stop: () => {
      for (const stop of stops) stop();
      queue.stop();
    },
    idle: () => queue.idle(),
  };
}

function isSelected(service: KubeObject, pod: KubeObject): boolean {
  const selector = Object.entries<string>(service.spec?.selector ?? {});
  return selector.length > 0 && selector.every(([key, value]) => pod.metadata.labels?.[key] === value);
}

/** Whether a slice still lists the pod, though its labels may have changed. */
function isMember({ objects }: ControllerContext, service: KubeObject, pod: KubeObject): boolean {
  const endpoints = objects.get(ENDPOINTS, service.metadata.namespace, service.metadata.name!);
  return (endpoints?.subsets ?? []).some((subset: EndpointSubset) =>
    [...(subset.addresses ?? []), ...(subset.notReadyAddresses ?? [])].some(
      (address) => address.targetRef?.uid === pod.metadata.uid,
    ),
  );
}

interface EndpointSubset {
  readonly addresses?: readonly { readonly ip: string; readonly targetRef?: { readonly uid?: string } }[];
  readonly notReadyAddresses?: EndpointSubset["addresses"];
  readonly ports?: readonly object[];
}

function ownSlices({ objects }: ControllerContext, namespace: string, service: string): KubeObject[] {
  return objects
    .list(ENDPOINT_SLICES, namespace)
    .filter(
      (slice) =>
        slice.metadata.labels?.[SERVICE_LABEL] === service && slice.metadata.labels[MANAGED_BY] === MANAGER,
    );
}

async function deleteAll(context: ControllerContext, namespace: string, name: string): Promise<void> {
  for (const slice of ownSlices(context, namespace, name)) {
    await deleteIfThere(context.objects, ENDPOINT_SLICES, namespace, slice.metadata.name!);
  }
  if (context.objects.get(ENDPOINTS, namespace, name)) {
    await deleteIfThere(context.objects, ENDPOINTS, namespace, name);
  }
}

async function writeSlices(
  context: ControllerContext,
  service: KubeObject,
  contents: readonly SliceContent[],
): Promise<void> {
  const { objects } = context;
  const namespace = service.metadata.namespace!;
  const existing = ownSlices(context, namespace, service.metadata.name!);
  const kept = existing[0];
  let wanted: ReadonlyMap<string, SliceContent> = new Map(
    contents.map((content) => [sliceName(service, content), content]),
  );
  if (kept && contents.every(({ endpoints }) => endpoints.length === 0)) {
    // A Service that lost its pods keeps a slice, and shows the loss by its being empty.
    wanted = new Map([[kept.metadata.name!, { ports: kept.ports ?? [], endpoints: [] }]]);
  }
  for (const [name, content] of wanted) {
    const old = existing.find((slice) => slice.metadata.name === name);
    if (!old) {
      await createIfMissing(objects, ENDPOINT_SLICES, sliceOf(service, name, content));
      continue;
    }
    const isSame =
      canonicalJson({ endpoints: old.endpoints ?? [], ports: old.ports ?? [] }) ===
      canonicalJson({ endpoints: content.endpoints, ports: content.ports });
    if (!isSame) await objects.mergePatch(ENDPOINT_SLICES, namespace, name, { ...content });
  }
  for (const slice of existing) {
    if (wanted.has(slice.metadata.name!)) continue;
    await deleteIfThere(objects, ENDPOINT_SLICES, namespace, slice.metadata.name!);
  }
}

/** Stable for a set of ports, so that pods may come and go in one slice. */
function sliceName(service: KubeObject, content: SliceContent): string {
  const digest = createHash("sha256").update(canonicalJson(content.ports)).digest("hex");
  return `${service.metadata.name}-${digest.slice(0, 5)}`;
}

function sliceOf(service: KubeObject, name: string, content: SliceContent): KubeObject {
  const { namespace } = service.metadata;
  const headless = service.spec.clusterIP === "None";
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name,
      generateName: `${service.metadata.name}-`,
      namespace: namespace!,
      labels: {
        ...service.metadata.labels,
        [SERVICE_LABEL]: service.metadata.name!,
        [MANAGED_BY]: MANAGER,
        ...(headless ? { "service.kubernetes.io/headless": "" } : {}),
      },
      ownerReferences: [controllerReference(service)],
    },
    addressType: "IPv4",
    ...content,
  };
}

async function writeEndpoints(
  { objects }: ControllerContext,
  service: KubeObject,
  contents: readonly SliceContent[],
): Promise<void> {
  const { name, namespace } = service.metadata;
  const subsets = contents.flatMap(({ ports, endpoints }): EndpointSubset[] => {
    const entry = (endpoint: SliceContent["endpoints"][number]) => ({
      ip: endpoint.addresses[0]!,
      nodeName: endpoint.nodeName,
      targetRef: endpoint.targetRef,
    });
    const ready = endpoints.filter(({ conditions }) => conditions.ready).map(entry);
    const notReady = endpoints
      .filter(({ conditions }) => !conditions.ready && !conditions.terminating)
      .map(entry);
    if (ready.length + notReady.length === 0) return [];
    return [
      {
        ...(ready.length > 0 ? { addresses: ready } : {}),
        ...(notReady.length > 0 ? { notReadyAddresses: notReady } : {}),
        ports: ports.map(({ name: portName, ...port }) =>
          portName === "" ? port : { name: portName, ...port },
        ),
      },
    ];
  });
  const old = objects.get(ENDPOINTS, namespace, name!);
  if (!old) {
    await createIfMissing(objects, ENDPOINTS, {
      apiVersion: "v1",
      kind: "Endpoints",
      metadata: {
        name: name!,
        namespace: namespace!,
        labels: {
          ...service.metadata.labels,
          "endpoints.kubernetes.io/managed-by": "endpoint-controller",
          ...(service.spec.clusterIP === "None" ? { "service.kubernetes.io/headless": "" } : {}),
        },
      },
      subsets,
    });
  } else if (canonicalJson(old.subsets ?? []) !== canonicalJson(subsets)) {
    await objects.mergePatch(ENDPOINTS, namespace, name!, { subsets });
  }
}
