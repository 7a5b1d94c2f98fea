import { formatNetwork } from "../base/ip.ts";
import type { PortRange } from "../values/port-ranges.ts";
import { networksOf, type RedirectPlan } from "./redirect-plan.ts";

const INBOUND = "MESHCTL_INBOUND";
const OUTBOUND = "MESHCTL_OUTBOUND";
const JUMPS = [
  ["PREROUTING", INBOUND],
  ["OUTPUT", OUTBOUND],
] as const;

/** Ports that one `multiport` match holds; a range counts twice. */
const MULTIPORT_MAX = 15;

/**
 * The plan as input of `iptables-restore --noflush`, which applies it at once: our chains are emptied and filled, and the jumps
 * to them added where they are missing.
 *
 * @param saved what `iptables-save -t nat` prints now; empty when nothing is there
 */
export function renderIptables(plan: RedirectPlan, family: 4 | 6, saved: string): string {
  const rules = [
    ...ports(plan.skipInbound).map((list) => `-A ${INBOUND} ${list} -j RETURN`),
    ...networksOf(plan, family).map((network) => `-A ${INBOUND} -s ${formatNetwork(network)} -j RETURN`),
    ...(plan.onlyInbound.length === 0 ? ["-p tcp"] : ports(plan.onlyInbound)).map(
      (match) => `-A ${INBOUND} ${match} -j REDIRECT --to-ports ${plan.inboundPort}`,
    ),
    ...(plan.proxyUid === undefined
      ? []
      : [`-A ${OUTBOUND} -m owner --uid-owner ${plan.proxyUid} -j RETURN`]),
    ...(plan.proxyGid === undefined
      ? []
      : [`-A ${OUTBOUND} -m owner --gid-owner ${plan.proxyGid} -j RETURN`]),
    `-A ${OUTBOUND} -o lo -j RETURN`,
    ...ports(plan.skipOutbound).map((list) => `-A ${OUTBOUND} ${list} -j RETURN`),
    ...networksOf(plan, family).map((network) => `-A ${OUTBOUND} -d ${formatNetwork(network)} -j RETURN`),
    `-A ${OUTBOUND} -p tcp -j REDIRECT --to-ports ${plan.outboundPort}`,
    ...JUMPS.map(([from, to]) => `-A ${from} -j ${to}`).filter((jump) => !saved.split("\n").includes(jump)),
  ];
  return `*nat\n:${INBOUND} - [0:0]\n:${OUTBOUND} - [0:0]\n${rules.join("\n")}\nCOMMIT\n`;
}

/** Matches that together cover the ranges. */
function ports(ranges: readonly PortRange[]): string[] {
  const lists: string[][] = [];
  let room = 0;
  for (const { first, last } of ranges) {
    const size = first === last ? 1 : 2;
    if (size > room) {
      lists.push([]);
      room = MULTIPORT_MAX;
    }
    lists.at(-1)!.push(first === last ? String(first) : `${first}:${last}`);
    room -= size;
  }
  return lists.map((list) => `-p tcp -m multiport --dports ${list.join(",")}`);
}
