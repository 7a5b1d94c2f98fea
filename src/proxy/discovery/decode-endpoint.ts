import type { AddrSet, WeightedAddr } from "../../api/gen/io/linkerd/proxy/destination_pb.js";
import { trySplitHostPort } from "../../base/ip.ts";
import type { Endpoint } from "../../policy/endpoint.ts";
import { tryDecodeAddress } from "./decode-values.ts";

/**
 * One endpoint out of discovery's message.
 *
 * @param setLabels  labels of the whole set; the address's own win
 * @returns undefined when the address cannot be decoded. An undecodable identity makes an unmeshed endpoint; other bad details are left out
 * @see reference: proxy-api section 6.2
 */
export function tryDecodeEndpoint(
  message: WeightedAddr,
  setLabels: Readonly<Record<string, string>>,
): Endpoint | undefined {
  const address = tryDecodeAddress(message.addr);
  if (!address) return undefined;
  const tls = tryDecodeIdentity(message);
  const hint = message.protocolHint;
  const inboundPort = hint?.opaqueTransport?.inboundPort ?? 0;
  const override = message.authorityOverride?.authorityOverride;
  return {
    address: address.address,
    ip: address.ip,
    port: address.port,
    weight: message.weight,
    labels: { ...setLabels, ...message.metricLabels },
    tls,
    protocolHint: hint?.protocol.case,
    // Without an identity there is no TLS, and without TLS no ALPN to agree on a transport header.
    opaqueTransportPort: tls && inboundPort >= 1 && inboundPort <= 65534 ? inboundPort : undefined,
    authorityOverride: override && trySplitHostPort(override) ? override : undefined,
  };
}

/** Addresses of a removal; undecodable ones are left out. */
export function decodeAddresses(set: AddrSet): string[] {
  return set.addrs.flatMap((message) => tryDecodeAddress(message)?.address ?? []);
}

function tryDecodeIdentity({ tlsIdentity }: WeightedAddr): Endpoint["tls"] {
  if (!tlsIdentity) return undefined;
  const serverName = tlsIdentity.serverName?.name ?? "";
  switch (tlsIdentity.strategy.case) {
    case "dnsLikeIdentity": {
      const { name } = tlsIdentity.strategy.value;
      return name === "" ? undefined : { identity: name, serverName: serverName || name };
    }
    case "uriLikeIdentity": {
      const { uri } = tlsIdentity.strategy.value;
      return uri === "" || serverName === "" ? undefined : { identity: uri, serverName };
    }
    default:
      return undefined;
  }
}
