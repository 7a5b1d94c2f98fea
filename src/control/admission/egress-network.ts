import { type ClientNetwork, parseNetworks } from "../policy/inbound/clients.ts";
import { createParser } from "../policy/inbound/parse-spec.ts";

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
