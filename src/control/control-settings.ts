import type { Network } from "../base/ip.ts";
import type { DefaultPolicy } from "../policy/default-policy.ts";
import type { PortRange } from "../values/port-ranges.ts";

/** What destination and policy know beside the cluster's objects. */
export interface ControlSettings {
  /** Control-plane namespace. */
  readonly namespace: string;
  readonly trustDomain: string;
  /** Without dots at the ends: `cluster.local`. */
  readonly clusterDomain: string;
  readonly clusterNetworks: readonly Network[];
  readonly defaultInboundPolicy: DefaultPolicy;
  readonly defaultOpaquePorts: readonly PortRange[];
  /** Hint peers to speak HTTP/2 to each other. */
  readonly enableH2Upgrade: boolean;
  readonly enableIpv6: boolean;
  /** Port of proxies' direct listener when the pod does not say. */
  readonly inboundPort: number;
}
