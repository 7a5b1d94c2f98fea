import { MeshError } from "../base/error.ts";
import { type Network, tryParseNetwork } from "../base/ip.ts";

const VARIABLE = "MESHCTL_PROXY_OWN_NETWORKS";
const LOOPBACK = "127.0.0.0/8,::1/128";

/**
 * What counts as this process's own host, by the variable that proxies have, too: where all pods share one loopback interface, an
 * address of loopback says nothing.
 *
 * @throws MeshError `CONTROL_OWN_NETWORKS`
 */
export function readOwnNetworks(env: Readonly<Record<string, string | undefined>>): readonly Network[] {
  return (env[VARIABLE] || LOOPBACK).split(",").map((text) => {
    const network = tryParseNetwork(text.trim());
    if (network) return network;
    throw new MeshError({
      kind: "usage",
      code: "CONTROL_OWN_NETWORKS",
      message: `${VARIABLE}: "${text}" is no network`,
      hint: "write a comma list of networks, such as 127.0.0.1/32,10.0.0.0/8",
    });
  });
}
