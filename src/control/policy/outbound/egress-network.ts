import { formatNetwork, type Network, networkContains } from "../../../base/ip.ts";
import type { KubeObject } from "../../../base/kube-object.ts";
import type { ControlSettings } from "../../control-settings.ts";
import { type ClientNetwork, parseNetworks } from "../inbound/clients.ts";
import { createParser } from "../inbound/parse-spec.ts";
import type { Verdict } from "../routes/accept-route.ts";

/** Addresses outside the cluster; undefined: all of them. */
export interface EgressNetworkSpec {
  readonly networks: readonly ClientNetwork[] | undefined;
  readonly isAllowed: boolean;
}

export const parseEgressNetwork = createParser<EgressNetworkSpec>((spec, report) => {
  const { networks, trafficPolicy } = spec;
  if (trafficPolicy !== "Allow" && trafficPolicy !== "Deny") {
    report("trafficPolicy", `${JSON.stringify(trafficPolicy)} is unknown: write Allow or Deny`);
  }
  if (networks?.length === 0)
    report("networks", "the list is empty: name a network, or leave it out for all");
  return {
    networks: networks && parseNetworks(networks, "networks", report),
    isAllowed: trafficPolicy === "Allow",
  };
});

/** Whether an EgressNetwork is used: it can be read, and has nothing of the cluster in it. */
export function egressVerdict(object: KubeObject, { clusterNetworks }: ControlSettings): Verdict {
  const { value, problems } = parseEgressNetwork(object);
  if (!value) {
    const [problem] = problems;
    return { isTrue: false, reason: "Invalid", message: `${problem?.field}: ${problem?.message}` };
  }
  for (const { network } of value.networks ?? []) {
    const inside = clusterNetworks.find((cluster) => doOverlap(network, cluster));
    if (!inside) continue;
    const message = `${formatNetwork(network)} overlaps the cluster's network ${formatNetwork(inside)}`;
    return { isTrue: false, reason: "EgressReasonNetworkOverlap", message };
  }
  return { isTrue: true, reason: "Accepted", message: "" };
}

function doOverlap(left: Network, right: Network): boolean {
  return networkContains(left, baseOf(right)) || networkContains(right, baseOf(left));
}

function baseOf(network: Network): string {
  return formatNetwork(network).split("/")[0]!;
}
