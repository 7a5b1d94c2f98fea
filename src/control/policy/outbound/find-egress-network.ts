import { networkContains } from "../../../base/ip.ts";
import type { KubeObject } from "../../../base/kube-object.ts";
import { EGRESS_NAMESPACE } from "../../../base/names.ts";
import type { ControlSettings } from "../../control-settings.ts";
import type { ClusterIndex } from "../../index/cluster-index.ts";
import { CUSTOM_KINDS } from "../../index/custom-kinds.ts";
import type { Track } from "../../index/view.ts";
import { egressVerdict, parseEgressNetwork } from "./egress-network.ts";

/**
 * The EgressNetwork that is responsible for an address: of the client's namespace, else of the one for the whole cluster; of several
 * the one with the smallest block around the address, then the oldest, then the first by name.
 *
 * @see reference: control-plane 6.2
 */
export function findEgressNetwork(
  ip: string,
  clientNamespace: string,
  index: ClusterIndex,
  settings: ControlSettings,
  track: Track,
): KubeObject | undefined {
  for (const namespace of new Set([clientNamespace, EGRESS_NAMESPACE])) {
    if (namespace === "") continue;
    let best: { readonly object: KubeObject; readonly prefix: number } | undefined;
    // They come in the order in which equals win.
    for (const object of index.custom.list(CUSTOM_KINDS.egressNetwork, namespace, track)) {
      const prefix = prefixAround(ip, object, settings);
      if (prefix !== undefined && (!best || prefix > best.prefix)) best = { object, prefix };
    }
    if (best) return best.object;
  }
  return undefined;
}

/** Length of the longest prefix of an accepted network's blocks that hold the address. */
function prefixAround(ip: string, object: KubeObject, settings: ControlSettings): number | undefined {
  const spec = parseEgressNetwork(object).value;
  if (!spec || !egressVerdict(object, settings).isTrue) return undefined;
  if (!spec.networks) {
    // By default everything that is not the cluster.
    return settings.clusterNetworks.some((network) => networkContains(network, ip)) ? undefined : 0;
  }
  const prefixes = spec.networks
    .filter(
      ({ network, except }) =>
        networkContains(network, ip) && !except.some((hole) => networkContains(hole, ip)),
    )
    .map(({ network }) => network.prefix);
  return prefixes.length > 0 ? Math.max(...prefixes) : undefined;
}
