import type { KubeObject } from "../../base/kube-object.ts";
import { apiVersionOf, type ResourceInfo } from "./resource-info.ts";

/**
 * Objects are stored in one form for all versions of a resource. Versions of custom resources differ in their schema only (conversion
 * strategy `None`), so that the stored form is the newest writer's; `events.k8s.io` Events are another view of core Events.
 */
export function fromStorage(resource: ResourceInfo, object: KubeObject): KubeObject {
  const apiVersion = apiVersionOf(resource);
  if (object.apiVersion === apiVersion) return object;
  if (resource.bucket !== "/events") return { ...object, apiVersion };
  const {
    involvedObject,
    message,
    source,
    firstTimestamp,
    lastTimestamp,
    count,
    reportingComponent,
    ...rest
  } = object;
  return withoutUndefined({
    ...rest,
    apiVersion,
    eventTime: object.eventTime ?? null,
    regarding: involvedObject,
    note: message,
    reportingController: reportingComponent,
    deprecatedSource: source,
    deprecatedFirstTimestamp: firstTimestamp,
    deprecatedLastTimestamp: lastTimestamp,
    deprecatedCount: count,
  });
}

/** The inverse of `fromStorage`. */
export function toStorage(resource: ResourceInfo, object: KubeObject): KubeObject {
  if (resource.bucket !== "/events" || object.apiVersion === "v1") return object;
  const {
    regarding,
    note,
    reportingController,
    deprecatedSource,
    deprecatedFirstTimestamp,
    deprecatedLastTimestamp,
    deprecatedCount,
    ...rest
  } = object;
  return withoutUndefined({
    ...rest,
    apiVersion: "v1",
    involvedObject: regarding ?? {},
    message: note,
    reportingComponent: reportingController,
    source: deprecatedSource,
    firstTimestamp: deprecatedFirstTimestamp,
    lastTimestamp: deprecatedLastTimestamp,
    count: deprecatedCount,
  });
}

function withoutUndefined(object: KubeObject): KubeObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as KubeObject;
}
