import { MeshError } from "../base/error.ts";
import { bitsToIpv6, type Network, networkContains, numberToIpv4, tryParseNetwork } from "../base/ip.ts";
import { type PortRange, parsePortRanges } from "../values/port-ranges.ts";

/** What is redirected, and what is left alone. Only TCP is ever redirected. */
export interface RedirectPlan {
  /** Where connections to the pod go. */
  readonly inboundPort: number;
  /** Where connections of the pod go. */
  readonly outboundPort: number;
  /** Owner of the proxy's own connections, which must not come back to it; undefined when the group tells. */
  readonly proxyUid: number | undefined;
  readonly proxyGid: number | undefined;
  /** Inbound ports that are redirected; empty: all. */
  readonly onlyInbound: readonly PortRange[];
  readonly skipInbound: readonly PortRange[];
  readonly skipOutbound: readonly PortRange[];
  /** Peers whose connections are left alone, in both directions. */
  readonly skipNetworks: readonly Network[];
  /** Families to write rules for. */
  readonly families: readonly (4 | 6)[];
}

/** The plan as text and numbers, as flags give it. */
export interface RedirectOptions {
  readonly incomingProxyPort: number;
  readonly outgoingProxyPort: number;
  readonly proxyUid: number;
  readonly proxyGid: number;
  readonly portsToRedirect: string;
  readonly inboundPortsToIgnore: string;
  readonly outboundPortsToIgnore: string;
  readonly subnetsToIgnore: string;
  readonly ipv6: boolean;
}

/** @throws MeshError `INIT_BAD_PORT`, `INIT_BAD_SUBNET` or `INIT_NO_EXEMPTION`, naming flag and value */
export function planRedirect(options: RedirectOptions): RedirectPlan {
  const proxyUid = owner("--proxy-uid", options.proxyUid);
  const proxyGid = owner("--proxy-gid", options.proxyGid);
  if (proxyUid === undefined && proxyGid === undefined) {
    throw new MeshError({
      kind: "usage",
      code: "INIT_NO_EXEMPTION",
      message:
        "neither --proxy-uid nor --proxy-gid is above 0: the proxy's own connections would come back to it",
      hint: "run the proxy as a user of its own and name it: --proxy-uid=2102",
    });
  }
  return {
    inboundPort: port("--incoming-proxy-port", options.incomingProxyPort),
    outboundPort: port("--outgoing-proxy-port", options.outgoingProxyPort),
    proxyUid,
    proxyGid,
    onlyInbound: ranges("--ports-to-redirect", options.portsToRedirect),
    skipInbound: ranges("--inbound-ports-to-ignore", options.inboundPortsToIgnore),
    skipOutbound: ranges("--outbound-ports-to-ignore", options.outboundPortsToIgnore),
    skipNetworks: networks(options.subnetsToIgnore),
    families: options.ipv6 ? [4, 6] : [4],
  };
}

export function networksOf(plan: RedirectPlan, family: 4 | 6): readonly Network[] {
  return plan.skipNetworks.filter((network) => network.family === family);
}

function owner(flag: string, id: number): number | undefined {
  if (!Number.isInteger(id) || id > 0xfffffffe) {
    throw new MeshError({
      kind: "usage",
      code: "INIT_BAD_OWNER",
      message: `${flag}: ${id} is no user or group id`,
      hint: "give a whole number",
    });
  }
  return id > 0 ? id : undefined;
}

function port(flag: string, value: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= 65535) return value;
  throw badPort(flag, String(value));
}

/** Sorted and merged: the kernel refuses a set whose elements overlap. */
function ranges(flag: string, text: string): readonly PortRange[] {
  const { ranges: given, invalid } = parsePortRanges(text);
  if (invalid.length > 0) throw badPort(flag, invalid[0]!);
  const merged: PortRange[] = [];
  for (const range of [...given].sort((left, right) => left.first - right.first)) {
    const before = merged.at(-1);
    if (before && range.first <= before.last + 1) {
      merged[merged.length - 1] = { first: before.first, last: Math.max(before.last, range.last) };
    } else merged.push(range);
  }
  return merged;
}

function badPort(flag: string, value: string): MeshError {
  return new MeshError({
    kind: "usage",
    code: "INIT_BAD_PORT",
    message: `${flag}: "${value}" is neither a port (1-65535) nor a range of ports`,
    hint: `write ports and ranges with commas: ${flag}=80,8000-8010`,
  });
}

/** Without those that lie in another, for the same reason as above. */
function networks(text: string): readonly Network[] {
  const given: Network[] = [];
  for (const item of text.split(",").map((part) => part.trim())) {
    if (item === "") continue;
    const network = tryParseNetwork(item);
    if (!network) {
      throw new MeshError({
        kind: "usage",
        code: "INIT_BAD_SUBNET",
        message: `--subnets-to-ignore: "${item}" is no subnet`,
        hint: "write subnets with commas: --subnets-to-ignore=10.0.0.0/8,fd00::/8",
      });
    }
    given.push(network);
  }
  return given.filter(
    (network, index) =>
      !given.some(
        (other, place) =>
          place !== index && holds(other, network) && (place < index || !holds(network, other)),
      ),
  );
}

function holds(outer: Network, inner: Network): boolean {
  const address = inner.family === 4 ? numberToIpv4(Number(inner.bits)) : bitsToIpv6(inner.bits);
  return outer.prefix <= inner.prefix && outer.family === inner.family && networkContains(outer, address);
}
