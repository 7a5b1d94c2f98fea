import { formatNetwork } from "../base/ip.ts";
import type { PortRange } from "../values/port-ranges.ts";
import { networksOf, type RedirectPlan } from "./redirect-plan.ts";

const FAMILIES = { 4: "ip", 6: "ip6" } as const;

/**
 * The plan as input of `nft -f -`: a table of our own for each family, in one transaction. The table is first made (so that
 * deleting it cannot fail), deleted and made again: a second run changes nothing, and other tables are not touched.
 */
export function renderNft(plan: RedirectPlan): string {
  return plan.families.map((family) => renderTable(plan, family)).join("");
}

function renderTable(plan: RedirectPlan, family: 4 | 6): string {
  const keyword = FAMILIES[family];
  const inbound = [
    ...skip("tcp dport", plan.skipInbound.map(formatRange), "skipped inbound ports"),
    ...skip(`${keyword} saddr`, networksOf(plan, family).map(formatNetwork), "skipped subnets"),
    redirect(plan.onlyInbound, plan.inboundPort),
  ];
  const outbound = [
    ...(plan.proxyUid === undefined ? [] : [`meta skuid ${plan.proxyUid} return comment "the proxy"`]),
    ...(plan.proxyGid === undefined
      ? []
      : [`meta skgid ${plan.proxyGid} return comment "the proxy's group"`]),
    `oifname "lo" return comment "loopback, and the pod's own address"`,
    ...skip("tcp dport", plan.skipOutbound.map(formatRange), "skipped outbound ports"),
    ...skip(`${keyword} daddr`, networksOf(plan, family).map(formatNetwork), "skipped subnets"),
    redirect([], plan.outboundPort),
  ];
  return `table ${keyword} meshctl
delete table ${keyword} meshctl
table ${keyword} meshctl {
${chain("inbound", "prerouting", inbound)}${chain("outbound", "output", outbound)}}
`;
}

/** -100 is where destinations are rewritten; older versions of nft have no word for it in every hook. */
function chain(name: string, hook: string, rules: readonly string[]): string {
  const lines = [`type nat hook ${hook} priority -100; policy accept;`, ...rules];
  return `  chain ${name} {\n${lines.map((line) => `    ${line}\n`).join("")}  }\n`;
}

function skip(match: string, elements: readonly string[], comment: string): string[] {
  if (elements.length === 0) return [];
  // Everything is no element of a set, so no match is the way to say it.
  if (elements.some((element) => element.endsWith("/0"))) return [`return comment "${comment}"`];
  return [`${match} { ${elements.join(", ")} } return comment "${comment}"`];
}

function redirect(only: readonly PortRange[], to: number): string {
  const match = only.length === 0 ? "meta l4proto tcp" : `tcp dport { ${only.map(formatRange).join(", ")} }`;
  return `${match} redirect to :${to}`;
}

function formatRange({ first, last }: PortRange): string {
  return first === last ? String(first) : `${first}-${last}`;
}
