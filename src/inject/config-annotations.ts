import { tryParseGoDuration } from "../base/duration.ts";
import { tryParseNetwork } from "../base/ip.ts";
import { CONFIG_PREFIX } from "../base/names.ts";
import { INBOUND_POLICIES, PULL_POLICIES } from "../values/choices.ts";
import { parsePortRanges } from "../values/port-ranges.ts";
import { tryParseQuantity } from "../values/quantity.ts";
import type { ProxyInitValues, ProxyValues, Values } from "../values/values.ts";
import { type DebugSettings, type PodSettings, settingsFromValues } from "./pod-settings.ts";

/** One annotation `config.meshctl.io/<name>`. */
interface ConfigAnnotation {
  readonly name: string;
  /** Copied from the namespace to a pod that lacks it. */
  readonly inherited: boolean;
  /** The settings with this value, or undefined when the value is malformed (it is then ignored, with a warning). */
  readonly apply: (settings: PodSettings, value: string) => PodSettings | undefined;
}

const ALPHA_WAIT = "config.alpha.meshctl.io/proxy-wait-before-exit-seconds";

/** Every annotation that changes a proxy, in the order in which they apply (reference control-plane 10). */
const CONFIG_ANNOTATIONS: readonly ConfigAnnotation[] = [
  inherited("proxy-image", (settings, value) =>
    withProxy(settings, { image: { ...settings.values.proxy.image, name: value } }),
  ),
  inherited("proxy-version", (settings, value) =>
    withProxy(settings, { image: { ...settings.values.proxy.image, version: value } }),
  ),
  inherited("image-pull-policy", (settings, value) =>
    PULL_POLICIES.includes(value)
      ? withProxy(settings, { image: { ...settings.values.proxy.image, pullPolicy: value } })
      : undefined,
  ),
  inherited("inbound-port", port("inbound")),
  inherited("outbound-port", port("outbound")),
  inherited("admin-port", port("admin")),
  inherited("control-port", port("control")),
  inherited("proxy-cpu-request", resource("cpu", "request")),
  inherited("proxy-cpu-limit", resource("cpu", "limit")),
  own("proxy-cpu-ratio-limit", (settings, value) => {
    const ratio = Number(value);
    return ratio > 0 && ratio < 1 ? { ...settings, cpuRatioLimit: ratio } : undefined;
  }),
  inherited("proxy-memory-request", resource("memory", "request")),
  inherited("proxy-memory-limit", resource("memory", "limit")),
  inherited("proxy-ephemeral-storage-request", storage("request")),
  inherited("proxy-ephemeral-storage-limit", storage("limit")),
  inherited(
    "proxy-uid",
    integer((settings, uid) => (uid > 0 ? withProxy(settings, { uid }) : undefined)),
  ),
  inherited(
    "proxy-gid",
    integer((settings, gid) => withProxy(settings, { gid })),
  ),
  inherited("proxy-log-level", (settings, value) =>
    value.trim() === "" ? undefined : withProxy(settings, { logLevel: value }),
  ),
  inherited(
    "proxy-log-format",
    choice(["plain", "json"], (settings, logFormat) => withProxy(settings, { logFormat })),
  ),
  inherited(
    "access-log",
    choice(["", "off", "apache", "json"], (settings, accessLog) => withProxy(settings, { accessLog })),
  ),
  inherited(
    "proxy-admin-shutdown",
    choice(["enabled", "disabled"], (settings, value) =>
      withProxy(settings, { enableShutdownEndpoint: value === "enabled" }),
    ),
  ),
  inherited("shutdown-grace-period", duration("shutdownGracePeriod")),
  inherited(
    "proxy-await",
    choice(["enabled", "disabled"], (settings, value) => withProxy(settings, { await: value === "enabled" })),
  ),
  inherited(
    "proxy-enable-native-sidecar",
    boolean((settings, nativeSidecar) => withProxy(settings, { nativeSidecar })),
  ),
  inherited(
    "skip-inbound-ports",
    ports((settings, value) => withInit(settings, { ignoreInboundPorts: value })),
  ),
  inherited(
    "skip-outbound-ports",
    ports((settings, value) => withInit(settings, { ignoreOutboundPorts: value })),
  ),
  inherited("skip-subnets", (settings, value) =>
    value.split(",").every((network) => tryParseNetwork(network) !== undefined)
      ? withInit(settings, { skipSubnets: value })
      : undefined,
  ),
  inherited("close-wait-timeout", (settings, value) => {
    const ms = tryParseGoDuration(value);
    return ms === undefined || ms < 1000
      ? undefined
      : withInit(settings, { closeWaitTimeoutSecs: Math.round(ms / 1000) });
  }),
  // Port names are legal here; they are resolved against the pod's containers (opaque-ports.ts).
  inherited("opaque-ports", (settings, value) => withProxy(settings, { opaquePorts: value })),
  inherited(
    "proxy-require-identity-inbound-ports",
    ports((settings, value) => ({ ...settings, requireIdentityPorts: value })),
  ),
  inherited(
    "default-inbound-policy",
    choice(INBOUND_POLICIES, (settings, value) => withProxy(settings, { defaultInboundPolicy: value })),
  ),
  inherited("proxy-inbound-connect-timeout", duration("inboundConnectTimeout")),
  inherited("proxy-outbound-connect-timeout", duration("outboundConnectTimeout")),
  inherited("proxy-inbound-discovery-cache-unused-timeout", duration("inboundDiscoveryCacheUnusedTimeout")),
  inherited("proxy-outbound-discovery-cache-unused-timeout", duration("outboundDiscoveryCacheUnusedTimeout")),
  inherited(
    "proxy-disable-inbound-protocol-detect-timeout",
    boolean((settings, on) => ({ ...settings, disableInboundDetectTimeout: on })),
  ),
  inherited(
    "proxy-disable-outbound-protocol-detect-timeout",
    boolean((settings, on) => ({ ...settings, disableOutboundDetectTimeout: on })),
  ),
  inherited(
    "enable-external-profiles",
    boolean((settings, on) => ({ ...settings, externalProfiles: on })),
  ),
  inherited(
    "proxy-metrics-hostname-labels",
    boolean((settings, on) => ({ ...settings, metricsHostnameLabels: on })),
  ),
  inherited(
    "enable-debug-sidecar",
    boolean((settings, isEnabled) => withDebug(settings, { isEnabled })),
  ),
  own("debug-image", (settings, image) => (image === "" ? undefined : withDebug(settings, { image }))),
  own("debug-image-version", (settings, version) => withDebug(settings, { version })),
  own(
    "debug-image-pull-policy",
    choice(PULL_POLICIES, (settings, pullPolicy) => withDebug(settings, { pullPolicy })),
  ),
  own(
    "enable-gateway",
    boolean((settings, on) => ({ ...settings, gateway: on })),
  ),
];

const BY_KEY: ReadonlyMap<string, ConfigAnnotation> = new Map(
  CONFIG_ANNOTATIONS.map((annotation) => [CONFIG_PREFIX + annotation.name, annotation]),
);

/** Merged, not replaced, from namespace to pod. */
export const ADDITIONAL_ENV_ANNOTATION = `${CONFIG_PREFIX}proxy-additional-env`;
export const OPAQUE_PORTS_ANNOTATION = `${CONFIG_PREFIX}opaque-ports`;

/** Keys that a pod takes over from its namespace when it lacks them. */
export const INHERITED_KEYS: readonly string[] = [
  ...CONFIG_ANNOTATIONS.filter((annotation) => annotation.inherited).map(
    (annotation) => CONFIG_PREFIX + annotation.name,
  ),
  ALPHA_WAIT,
];

/** Whether a key is an annotation that we act on. */
export function isConfigAnnotation(key: string): boolean {
  return BY_KEY.has(key) || key === ADDITIONAL_ENV_ANNOTATION || key === ALPHA_WAIT;
}

/**
 * Applies annotations (already merged with the namespace's) to the installation's values.
 *
 * @param namespaceEnv the namespace's `proxy-additional-env`, which the pod's own extends by name
 * @returns the settings, and a line for each malformed value; those change nothing
 */
export function applyAnnotations(
  values: Values,
  annotations: Readonly<Record<string, string>>,
  namespaceEnv: string | undefined,
): { settings: PodSettings; warnings: string[] } {
  const warnings: string[] = [];
  let settings = settingsFromValues(values);
  for (const [key, annotation] of BY_KEY) {
    const value = annotations[key];
    if (value === undefined) continue;
    const applied = annotation.apply(settings, value);
    if (applied) settings = applied;
    else warnings.push(`annotation ${key}: "${value}" is malformed and ignored`);
  }
  const wait = annotations[ALPHA_WAIT];
  if (wait !== undefined) {
    if (/^\d{1,9}$/.test(wait)) settings = { ...settings, waitBeforeExitSeconds: Number(wait) };
    else warnings.push(`annotation ${ALPHA_WAIT}: "${wait}" is malformed and ignored`);
  }
  const env = new Map(settings.values.proxy.additionalEnv.map((entry) => [entry.name, entry]));
  for (const text of [namespaceEnv, annotations[ADDITIONAL_ENV_ANNOTATION]]) {
    if (text === undefined) continue;
    const entries = tryParseEnv(text);
    if (!entries)
      warnings.push(`annotation ${ADDITIONAL_ENV_ANNOTATION}: "${text}" is no JSON list of {name, value}`);
    for (const entry of entries ?? []) env.set(entry.name, entry);
  }
  return { settings: withProxy(settings, { additionalEnv: [...env.values()] }), warnings };
}

function tryParseEnv(text: string): { name: string; value: string }[] | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    if (!Array.isArray(parsed)) return undefined;
    return parsed.every((entry) => typeof entry?.name === "string") ? parsed : undefined;
  } catch {
    return undefined;
  }
}

type Apply = ConfigAnnotation["apply"];

function inherited(name: string, apply: Apply): ConfigAnnotation {
  return { name, inherited: true, apply };
}

function own(name: string, apply: Apply): ConfigAnnotation {
  return { name, inherited: false, apply };
}

function withProxy(settings: PodSettings, change: Partial<ProxyValues>): PodSettings {
  return { ...settings, values: { ...settings.values, proxy: { ...settings.values.proxy, ...change } } };
}

function withDebug(settings: PodSettings, change: Partial<DebugSettings>): PodSettings {
  return { ...settings, debug: { ...settings.debug, ...change } };
}

function withInit(settings: PodSettings, change: Partial<ProxyInitValues>): PodSettings {
  return {
    ...settings,
    values: { ...settings.values, proxyInit: { ...settings.values.proxyInit, ...change } },
  };
}

function port(name: keyof ProxyValues["ports"]): Apply {
  return integer((settings, number) =>
    number >= 1 && number <= 65535
      ? withProxy(settings, { ports: { ...settings.values.proxy.ports, [name]: number } })
      : undefined,
  );
}

function resource(name: "cpu" | "memory", end: "request" | "limit"): Apply {
  return (settings, value) => {
    if (tryParseQuantity(value) === undefined) return undefined;
    const { resources } = settings.values.proxy;
    return withProxy(settings, { resources: { ...resources, [name]: { ...resources[name], [end]: value } } });
  };
}

function storage(end: "request" | "limit"): Apply {
  return (settings, value) =>
    tryParseQuantity(value) === undefined
      ? undefined
      : { ...settings, ephemeralStorage: { ...settings.ephemeralStorage, [end]: value } };
}

function integer(apply: (settings: PodSettings, value: number) => PodSettings | undefined): Apply {
  return (settings, value) => (/^-?\d{1,15}$/.test(value) ? apply(settings, Number(value)) : undefined);
}

/** Go's ParseBool spellings. */
function boolean(apply: (settings: PodSettings, value: boolean) => PodSettings): Apply {
  return (settings, value) => {
    if (["1", "t", "T", "true", "TRUE", "True"].includes(value)) return apply(settings, true);
    if (["0", "f", "F", "false", "FALSE", "False"].includes(value)) return apply(settings, false);
    return undefined;
  };
}

function choice(
  choices: readonly string[],
  apply: (settings: PodSettings, value: string) => PodSettings,
): Apply {
  return (settings, value) => (choices.includes(value) ? apply(settings, value) : undefined);
}

function duration(name: keyof ProxyValues): Apply {
  return (settings, value) => {
    const ms = tryParseGoDuration(value);
    return ms === undefined || ms < 0 ? undefined : withProxy(settings, { [name]: value });
  };
}

function ports(apply: (settings: PodSettings, value: string) => PodSettings): Apply {
  return (settings, value) =>
    parsePortRanges(value).invalid.length === 0 ? apply(settings, value) : undefined;
}
