import type { KubeObject } from "../../base/kube-object.ts";
import type { PodNetworkEnvironment } from "../network/pod-environment.ts";
import type { ObjectApi } from "../object-api.ts";
import { CONFIG_MAPS, SECRETS } from "../resources.ts";
import type { DownwardContext } from "./downward.ts";
import { fieldValue, resourceValue } from "./downward.ts";
import { expandVariables } from "./expand.ts";
import type { MountMapping } from "./mounts.ts";
import { rewritePaths, serviceAccountDir } from "./mounts.ts";
import type { ContainerSpec, EnvEntry, KeyRef } from "./pod-spec.ts";

/** Something that a container's configuration names does not exist (yet). */
export class ConfigError extends Error {}

export interface EnvironmentInput {
  readonly objects: Pick<ObjectApi, "get">;
  readonly pod: KubeObject;
  readonly container: ContainerSpec;
  readonly downward: DownwardContext;
  readonly network: PodNetworkEnvironment;
  readonly mounts: readonly MountMapping[];
  /** What every process gets: PATH, HOME, ... */
  readonly base: Readonly<Record<string, string>>;
  readonly apiServer: { readonly host: string; readonly port: number };
}

/**
 * A container's environment, later layers over earlier: the base, the API server's address, the network's variables,
 * `envFrom`, `env` in order (each may use the earlier ones as `$(NAME)`); for the proxy the network's variables come last.
 * Mount paths in the values of `envFrom` and `env` are rewritten.
 *
 * @throws ConfigError when a ConfigMap, Secret or key is missing and not optional
 */
export function containerEnvironment(input: EnvironmentInput): Record<string, string> {
  const { container, network, mounts, pod } = input;
  const isProxy = network.proxyContainer === container.name;
  const environment: Record<string, string> = {
    ...input.base,
    HOSTNAME: pod.spec.hostname ?? pod.metadata.name,
    KUBERNETES_SERVICE_HOST: input.apiServer.host,
    KUBERNETES_SERVICE_PORT: String(input.apiServer.port),
    KUBERNETES_SERVICE_PORT_HTTPS: String(input.apiServer.port),
    ...(isProxy ? {} : network.application),
  };
  const tokenDir = serviceAccountDir(mounts);
  if (tokenDir !== undefined) environment.KUBERNETES_SERVICE_ACCOUNT_DIR = tokenDir;
  Object.assign(environment, fromObjects(input));
  for (const entry of container.env ?? []) {
    const value = entryValue(input, entry, environment);
    if (value !== undefined) environment[entry.name] = rewritePaths(value, mounts);
  }
  return isProxy ? { ...environment, ...network.proxy } : environment;
}

function fromObjects({ container, objects, pod, mounts }: EnvironmentInput): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const { prefix = "", configMapRef, secretRef } of container.envFrom ?? []) {
    const ref = configMapRef ?? secretRef;
    if (!ref) continue;
    const resource = configMapRef ? CONFIG_MAPS : SECRETS;
    const object = objects.get(resource, pod.metadata.namespace, ref.name);
    if (!object) {
      if (ref.optional) continue;
      throw new ConfigError(`${resource.kind.toLowerCase()} "${ref.name}" not found`);
    }
    for (const [key, value] of Object.entries(decodedData(object))) {
      variables[`${prefix}${key}`] = rewritePaths(value.toString("utf8"), mounts);
    }
  }
  return variables;
}

function entryValue(
  input: EnvironmentInput,
  entry: EnvEntry,
  environment: Readonly<Record<string, string>>,
): string | undefined {
  const from = entry.valueFrom;
  if (!from) return expandVariables(entry.value ?? "", environment);
  if (from.configMapKeyRef) return keyValue(input, "configmap", from.configMapKeyRef);
  if (from.secretKeyRef) return keyValue(input, "secret", from.secretKeyRef);
  if (from.fieldRef) {
    const value = fieldValue(input.downward, from.fieldRef.fieldPath);
    if (value === undefined) throw new ConfigError(`unsupported fieldPath: ${from.fieldRef.fieldPath}`);
    return value;
  }
  if (from.resourceFieldRef) {
    const all: readonly ContainerSpec[] = [
      ...(input.pod.spec.initContainers ?? []),
      ...input.pod.spec.containers,
    ];
    const value = resourceValue(input.downward, all, input.container, from.resourceFieldRef);
    if (value === undefined) throw new ConfigError(`unsupported resource: ${from.resourceFieldRef.resource}`);
    return value;
  }
  return undefined;
}

function keyValue(
  { objects, pod }: EnvironmentInput,
  kind: "configmap" | "secret",
  ref: KeyRef,
): string | undefined {
  const resource = kind === "configmap" ? CONFIG_MAPS : SECRETS;
  const object = objects.get(resource, pod.metadata.namespace, ref.name);
  const value = object ? decodedData(object)[ref.key] : undefined;
  if (value !== undefined) return value.toString("utf8");
  if (ref.optional) return undefined;
  throw new ConfigError(
    object ? `couldn't find key ${ref.key} in ${kind} "${ref.name}"` : `${kind} "${ref.name}" not found`,
  );
}

/** Contents of a ConfigMap or Secret as bytes. */
export function decodedData(object: KubeObject): Record<string, Buffer> {
  const data: Record<string, Buffer> = {};
  const isSecret = object.kind === "Secret";
  for (const [key, value] of Object.entries<string>(object.data ?? {})) {
    data[key] = Buffer.from(value, isSecret ? "base64" : "utf8");
  }
  for (const [key, value] of Object.entries<string>(object.binaryData ?? {}))
    data[key] = Buffer.from(value, "base64");
  return data;
}
