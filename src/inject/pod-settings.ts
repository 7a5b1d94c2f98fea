import type { Values } from "../values/values.ts";

/**
 * What one pod's proxy is built from: the installation's values, changed by the annotations of the pod's namespace and
 * of the pod. The fields beside `values` can only be set by annotation.
 */
export interface PodSettings {
  readonly values: Values;
  readonly ingressMode: boolean;
  readonly gateway: boolean;
  /** Ports that refuse unauthenticated clients. */
  readonly requireIdentityPorts: string;
  readonly disableInboundDetectTimeout: boolean;
  readonly disableOutboundDetectTimeout: boolean;
  readonly externalProfiles: boolean;
  readonly metricsHostnameLabels: boolean;
  /** Classic sidecars only: how long the proxy outlives the start of the pod's end. */
  readonly waitBeforeExitSeconds: number;
  /** Share of the machine's cores, 0 < r < 1. */
  readonly cpuRatioLimit: number | undefined;
  readonly ephemeralStorage: { readonly request: string; readonly limit: string };
  readonly debug: DebugSettings;
}

/** A container beside the application, with tools to look at its traffic. Empty texts: the proxy's image, and its pull policy. */
export interface DebugSettings {
  readonly isEnabled: boolean;
  readonly image: string;
  readonly version: string;
  readonly pullPolicy: string;
}

/** The settings of a pod without annotations. */
export function settingsFromValues(values: Values): PodSettings {
  return {
    values,
    ingressMode: false,
    gateway: false,
    requireIdentityPorts: "",
    disableInboundDetectTimeout: false,
    disableOutboundDetectTimeout: false,
    externalProfiles: false,
    metricsHostnameLabels: false,
    waitBeforeExitSeconds: 0,
    cpuRatioLimit: undefined,
    ephemeralStorage: { request: "", limit: "" },
    debug: { isEnabled: false, image: "", version: "", pullPolicy: "" },
  };
}
