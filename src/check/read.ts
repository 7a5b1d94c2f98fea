import { MeshError } from "../base/error.ts";
import type { KubeObject } from "../base/kube-object.ts";
import { CONFIG_MAP_NAME, CONTROL_PLANE_NS_LABEL } from "../base/names.ts";
import type { KubeList } from "../kube/client.ts";
import type { Values } from "../values/values.ts";
import { VALUES_KEY, valuesFromYaml } from "../values/yaml.ts";
import { CheckFailed, type CheckInputs } from "./check.ts";

/** An object, or undefined when there is none. */
export async function readObject(inputs: CheckInputs, path: string): Promise<KubeObject | undefined> {
  const kube = await inputs.kube();
  try {
    return await kube.request("GET", path);
  } catch (error) {
    if (error instanceof MeshError && error.code === "KUBE_NOT_FOUND") return undefined;
    throw error;
  }
}

export async function listObjects(
  inputs: CheckInputs,
  path: string,
  labelSelector?: string,
): Promise<readonly KubeObject[]> {
  const kube = await inputs.kube();
  const list = await kube.request<KubeList>("GET", path, { query: { labelSelector } });
  return list.items;
}

/** The installation's values. @throws CheckFailed when there is no installation */
export async function readValues(inputs: CheckInputs): Promise<Values> {
  const path = `/api/v1/namespaces/${inputs.namespace}/configmaps/${CONFIG_MAP_NAME}`;
  const object = await readObject(inputs, path);
  const text = object?.data?.[VALUES_KEY];
  if (typeof text !== "string") {
    throw new CheckFailed(
      object
        ? `ConfigMap ${inputs.namespace}/${CONFIG_MAP_NAME} has no key "${VALUES_KEY}"`
        : `there is no ConfigMap ${CONFIG_MAP_NAME} in namespace "${inputs.namespace}": install with \`meshctl install | kubectl apply -f -\`, or name the namespace with -L`,
    );
  }
  return valuesFromYaml(text, `ConfigMap ${inputs.namespace}/${CONFIG_MAP_NAME}`);
}

/** Meshed pods that are meant to run: ended and ending ones do not count. */
export async function listMeshedPods(inputs: CheckInputs): Promise<readonly KubeObject[]> {
  const scope = inputs.dataPlaneNamespace === undefined ? "" : `/namespaces/${inputs.dataPlaneNamespace}`;
  const pods = await listObjects(
    inputs,
    `/api/v1${scope}/pods`,
    `${CONTROL_PLANE_NS_LABEL}=${inputs.namespace}`,
  );
  return pods.filter(
    (pod) =>
      pod.metadata.labels?.["meshctl.io/control-plane-component"] === undefined &&
      pod.metadata.deletionTimestamp === undefined &&
      !["Succeeded", "Failed"].includes(pod.status?.phase),
  );
}

/** `namespace/name`, or the name alone when only one namespace is checked. */
export function podName(inputs: CheckInputs, pod: KubeObject): string {
  return inputs.dataPlaneNamespace === undefined
    ? `${pod.metadata.namespace}/${pod.metadata.name}`
    : pod.metadata.name!;
}

/** Throws unless every named object is there. */
export async function expectObjects(
  inputs: CheckInputs,
  kinds: string,
  names: readonly string[],
  pathOf: (name: string) => string,
): Promise<void> {
  const found = await Promise.all(names.map((name) => readObject(inputs, pathOf(name))));
  const missing = names.filter((_name, index) => found[index] === undefined).sort();
  if (missing.length > 0) throw new CheckFailed(`missing ${kinds}: ${missing.join(", ")}`);
}
