import type { ValueTree } from "./merge.ts";

/** What `--ha` sets; flags and `--set` may change each of it again. */
export const HIGH_AVAILABILITY_VALUES: ValueTree = {
  highAvailability: true,
  controllerReplicas: 3,
  webhookFailurePolicy: "Fail",
  controllerResources: { cpu: { request: "100m", limit: "" }, memory: { request: "100Mi", limit: "500Mi" } },
  proxy: { resources: { cpu: { request: "100m", limit: "" }, memory: { request: "64Mi", limit: "250Mi" } } },
};
