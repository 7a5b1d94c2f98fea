import { MeshError } from "../base/error.ts";
import { type Network, tryParseNetwork } from "../base/ip.ts";
import { DEFAULT_POLICIES } from "../policy/default-policy.ts";
import { parsePortRanges } from "../values/port-ranges.ts";
import type { Values } from "../values/values.ts";
import type { ControlSettings } from "./control-settings.ts";

/** What flags may say about the settings. */
export interface SettingsFlags {
  /** Control-plane namespace. */
  readonly namespace: string;
  readonly trustDomain: string;
  readonly clusterDomain: string;
  /** Empty list: those of the values. */
  readonly clusterNetworks: readonly string[];
  /** Undefined: those of the values. */
  readonly defaultInboundPolicy: string | undefined;
  readonly defaultOpaquePorts: string | undefined;
}

/**
 * Flags first, then the installation's values.
 *
 * @throws MeshError `CONTROL_BAD_FLAG`
 */
export function readSettings(options: SettingsFlags, values: Values): ControlSettings {
  const policyName = options.defaultInboundPolicy ?? values.proxy.defaultInboundPolicy;
  const defaultInboundPolicy = DEFAULT_POLICIES.find((name) => name === policyName);
  if (!defaultInboundPolicy) {
    throw badFlag(`default inbound policy "${policyName}" is none of ${DEFAULT_POLICIES.join(", ")}`);
  }
  const opaque = parsePortRanges(options.defaultOpaquePorts ?? values.proxy.opaquePorts);
  if (opaque.invalid.length > 0)
    throw badFlag(`default opaque ports: "${opaque.invalid[0]}" is no port and no range`);
  const networks =
    options.clusterNetworks.length > 0 ? options.clusterNetworks : values.clusterNetworks.split(",");
  return {
    namespace: options.namespace,
    trustDomain: options.trustDomain,
    clusterDomain: options.clusterDomain.replace(/^\.|\.$/g, ""),
    clusterNetworks: networks.filter((text) => text.trim() !== "").map(parseNetwork),
    defaultInboundPolicy,
    defaultOpaquePorts: opaque.ranges,
    enableH2Upgrade: values.enableH2Upgrade,
    enableIpv6: !values.disableIpv6,
    inboundPort: values.proxy.ports.inbound,
  };
}

function parseNetwork(text: string): Network {
  const network = tryParseNetwork(text);
  if (network) return network;
  throw badFlag(`cluster networks: "${text}" is no network like 10.0.0.0/8`);
}

function badFlag(message: string): MeshError {
  return new MeshError({
    kind: "user",
    code: "CONTROL_BAD_FLAG",
    message,
    hint: "correct the flag, or the value in ConfigMap meshctl-config",
  });
}
