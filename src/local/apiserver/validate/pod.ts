import type { KubeObject } from "../../../base/kube-object.ts";
import { tryParseQuantity } from "../../../values/quantity.ts";
import { deepEqual } from "../deep-equal.ts";
import type { Causes } from "./causes.ts";
import { validateLabel } from "./names.ts";

// biome-ignore lint/suspicious/noExplicitAny: the shapes of specs are checked by the field table, before
type Spec = Record<string, any>;

const ENV_NAME = /^[ -<>-~]+$/;

/**
 * Rules of a pod or of a template's pod.
 *
 * @param claims names of volumes that the pod gets beside its own: a StatefulSet's claim templates
 */
export function validatePodSpec(
  spec: Spec,
  path: string,
  causes: Causes,
  claims: readonly string[] = [],
): void {
  const containers: Spec[] = spec.containers ?? [];
  if (containers.length === 0) causes.required(`${path}.containers`);
  const allowed = ["Always", "OnFailure", "Never"];
  if (!allowed.includes(spec.restartPolicy)) {
    causes.unsupported(`${path}.restartPolicy`, spec.restartPolicy, allowed);
  }
  const volumes = new Set<string>();
  (spec.volumes ?? []).forEach((volume: Spec, index: number) => {
    const field = `${path}.volumes[${index}].name`;
    if (volumes.has(volume.name)) causes.duplicate(field, volume.name);
    validateLabel(field, volume.name ?? "", causes);
    volumes.add(volume.name);
  });
  for (const claim of claims) volumes.add(claim);
  const names = new Set<string>();
  const each = (list: Spec[], field: string) =>
    list.forEach((container, index) => {
      validateContainer(container, `${field}[${index}]`, names, volumes, causes);
    });
  each(spec.initContainers ?? [], `${path}.initContainers`);
  each(containers, `${path}.containers`);
}

function validateContainer(
  container: Spec,
  path: string,
  names: Set<string>,
  volumes: ReadonlySet<string>,
  causes: Causes,
): void {
  if (container.name) {
    validateLabel(`${path}.name`, container.name, causes);
    if (names.has(container.name)) causes.duplicate(`${path}.name`, container.name);
    names.add(container.name);
  }
  if (!container.image) causes.required(`${path}.image`);
  const portNames = new Set<string>();
  (container.ports ?? []).forEach((port: Spec, index: number) => {
    const field = `${path}.ports[${index}]`;
    if (port.containerPort !== undefined) validatePort(`${field}.containerPort`, port.containerPort, causes);
    if (port.name !== undefined) {
      validatePortName(`${field}.name`, port.name, causes);
      if (portNames.has(port.name)) causes.duplicate(`${field}.name`, port.name);
      portNames.add(port.name);
    }
    validateProtocol(`${field}.protocol`, port.protocol, causes);
  });
  (container.env ?? []).forEach((variable: Spec, index: number) => {
    if (variable.name && !ENV_NAME.test(variable.name)) {
      causes.invalid(
        `${path}.env[${index}].name`,
        variable.name,
        "a valid environment variable name must consist only of printable ASCII characters other than '='",
      );
    }
    if (variable.value && variable.valueFrom) {
      causes.invalid(`${path}.env[${index}].valueFrom`, "", "may not be specified when `value` is not empty");
    }
  });
  validateResources(container.resources ?? {}, `${path}.resources`, causes);
  for (const field of ["livenessProbe", "readinessProbe", "startupProbe"]) {
    if (container[field]) validateProbe(container[field], `${path}.${field}`, causes);
  }
  const policies = ["Always", "IfNotPresent", "Never"];
  if (!policies.includes(container.imagePullPolicy)) {
    causes.unsupported(`${path}.imagePullPolicy`, container.imagePullPolicy, policies);
  }
  (container.volumeMounts ?? []).forEach((mount: Spec, index: number) => {
    if (mount.name && !volumes.has(mount.name))
      causes.absent(`${path}.volumeMounts[${index}].name`, mount.name);
  });
}

/** A request may not exceed the limit of the same resource. */
function validateResources(resources: Spec, path: string, causes: Causes): void {
  for (const [name, request] of Object.entries((resources.requests ?? {}) as Record<string, string>)) {
    const limit: string | undefined = resources.limits?.[name];
    if (limit === undefined) continue;
    const [wanted, most] = [tryParseQuantity(String(request)), tryParseQuantity(String(limit))];
    if (wanted !== undefined && most !== undefined && wanted > most) {
      causes.invalid(`${path}.requests`, request, `must be less than or equal to ${name} limit of ${limit}`);
    }
  }
}

const HANDLERS = ["exec", "httpGet", "tcpSocket", "grpc"];

function validateProbe(probe: Spec, path: string, causes: Causes): void {
  const given = HANDLERS.filter((handler) => probe[handler] !== undefined);
  if (given.length === 0) causes.required(path, "must specify a handler type");
  for (const extra of given.slice(1))
    causes.forbidden(`${path}.${extra}`, "may not specify more than 1 handler type");
  const port = probe.httpGet?.port ?? probe.tcpSocket?.port ?? probe.grpc?.port;
  if (typeof port === "number") validatePort(`${path}.${given[0]}.port`, port, causes);
}

export function validatePort(field: string, port: unknown, causes: Causes): void {
  if (typeof port !== "number" || port < 1 || port > 65535) {
    causes.invalid(field, port, "must be between 1 and 65535, inclusive");
  }
}

export function validatePortName(field: string, name: string, causes: Causes): void {
  if (name.length > 15) causes.invalid(field, name, "must be no more than 15 characters");
  else if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name)) {
    causes.invalid(field, name, "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
  } else if (!/[a-z]/.test(name)) causes.invalid(field, name, "must contain at least one letter (a-z)");
}

export function validateProtocol(field: string, protocol: unknown, causes: Causes): void {
  const allowed = ["SCTP", "TCP", "UDP"];
  if (!allowed.includes(protocol as string)) causes.unsupported(field, protocol, allowed);
}

/** A pod's spec is fixed but for images, deadline, grace, tolerations, and a node where there was none. */
export function validatePodUpdate(next: KubeObject, old: KubeObject, causes: Causes): void {
  const fixed = (pod: KubeObject): unknown => {
    const spec = structuredClone(pod.spec) as Spec;
    for (const field of ["activeDeadlineSeconds", "terminationGracePeriodSeconds", "tolerations"]) {
      delete spec[field];
    }
    if (!old.spec.nodeName) delete spec.nodeName;
    for (const container of [...(spec.initContainers ?? []), ...(spec.containers ?? [])])
      delete container.image;
    return spec;
  };
  if (!deepEqual(fixed(next), fixed(old))) {
    causes.forbidden(
      "spec",
      "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
    );
  }
}
