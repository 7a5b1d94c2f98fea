import { tryIpBits } from "../../base/ip.ts";
import type { KubeObject } from "../../base/kube-object.ts";
import { parseIdentity } from "../policy/inbound/clients.ts";
import { createParser, type Problem, type Report } from "../policy/inbound/parse-spec.ts";

const DNS_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;
const PROTOCOLS: ReadonlySet<string> = new Set(["TCP", "UDP", "SCTP"]);

const parse = createParser<true>((spec, report) => {
  // v1alpha1 spells it differently.
  const field = spec.meshTls === undefined ? "meshTLS" : "meshTls";
  const { identity = "", serverName = "" } = spec[field] ?? {};
  checkIdentity(identity, `${field}.identity`, report);
  if (!DNS_NAME.test(serverName)) {
    const example = "web.demo.serviceaccount.identity.meshctl.cluster.local";
    report(`${field}.serverName`, `"${serverName}" is no DNS name: write one like ${example}`);
  }
  checkAddresses(spec.workloadIPs ?? [], report);
  checkPorts(spec.ports ?? [], report);
  return true;
});

/** What is wrong with an ExternalWorkload: discovery leaves out the addresses that are none, and proxies would refuse the rest. */
export function externalWorkloadProblems(object: KubeObject): readonly Problem[] {
  return parse(object).problems;
}

/** One workload has one name, which its certificate must have: no pattern. */
function checkIdentity(identity: string, field: string, report: Report): void {
  if (identity.startsWith("*"))
    report(field, `"${identity}" is a pattern: write the one name of its certificate`);
  else parseIdentity(identity, field, (at) => report(at, identityAdvice(identity)));
}

function identityAdvice(identity: string): string {
  return `"${identity}" is no identity: write a DNS-like name, or spiffe://<trust domain>/<path>`;
}

function checkAddresses(list: readonly { readonly ip: string }[], report: Report): void {
  const seen = new Set<string>();
  for (const [index, { ip }] of list.entries()) {
    const at = `workloadIPs[${index}].ip`;
    const address = tryIpBits(ip);
    if (!address) {
      report(at, `"${ip}" is no IP address`);
      continue;
    }
    // 0.0.0.0 and :: lead to whoever asks.
    if (address.bits === 0n) report(at, `${ip} is no machine's address`);
    const key = `${address.family} ${address.bits}`;
    if (seen.has(key)) report(at, `${ip} is there twice`);
    seen.add(key);
  }
}

function checkPorts(
  list: readonly { readonly name?: string; readonly port: number; readonly protocol?: string }[],
  report: Report,
): void {
  const names = new Set<string>();
  for (const [index, { name, port, protocol = "TCP" }] of list.entries()) {
    const at = `ports[${index}]`;
    if (!Number.isInteger(port) || port < 1 || port > 65_535) {
      report(`${at}.port`, `${JSON.stringify(port)} is no port: write a number from 1 to 65535`);
    }
    if (!PROTOCOLS.has(protocol)) report(`${at}.protocol`, `"${protocol}" is unknown: write TCP`);
    if (name === undefined) continue;
    // A Service that names it could mean either.
    if (names.has(name)) report(`${at}.name`, `"${name}" is the name of another port, too`);
    names.add(name);
  }
}
