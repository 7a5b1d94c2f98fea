import type { ObjectApi } from "../object-api.ts";
import { ENDPOINT_SLICES, SERVICES } from "../resources.ts";

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Ready endpoints of a Service's port (its number or its name), from its slices as they are now. */
export function readyEndpoints(
  objects: ObjectApi,
  namespace: string,
  serviceName: string,
  port: number | string,
): HostPort[] {
  const service = objects.get(SERVICES, namespace, serviceName);
  const servicePort = service?.spec?.ports?.find(
    (each: { port: number; name?: string }) => each.port === port || each.name === port,
  );
  if (!servicePort) return [];
  const found: HostPort[] = [];
  for (const slice of objects.list(ENDPOINT_SLICES, namespace)) {
    if (slice.metadata.labels?.["kubernetes.io/service-name"] !== serviceName) continue;
    const target = (slice.ports ?? []).find(
      (each: { name?: string }) => (each.name ?? "") === (servicePort.name ?? ""),
    );
    if (!target) continue;
    for (const endpoint of slice.endpoints ?? []) {
      if (endpoint.conditions?.ready === false) continue;
      for (const host of endpoint.addresses) found.push({ host, port: target.port });
    }
  }
  return found;
}
