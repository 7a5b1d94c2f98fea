import { isIP, isIPv4 } from "node:net";

/** An address block. `bits` are the address as a number (32 or 128 bits), already masked. */
export interface Network {
  readonly family: 4 | 6;
  readonly bits: bigint;
  readonly prefix: number;
}

/** Removes brackets and the IPv4-mapped prefix: `::ffff:10.0.0.1` is 10.0.0.1. Anything else returns unchanged. */
export function normaliseIp(address: string): string {
  let text = address;
  if (text.startsWith("[") && text.endsWith("]")) text = text.slice(1, -1);
  if (text.startsWith("::ffff:") && isIPv4(text.slice(7))) return text.slice(7);
  return text;
}

/** An address as a number, or undefined when it is none. */
export function tryIpBits(address: string): { family: 4 | 6; bits: bigint } | undefined {
  const text = normaliseIp(address);
  const version = isIP(text);
  if (version === 4) return { family: 4, bits: BigInt(ipv4ToNumber(text)) };
  if (version !== 6) return undefined;
  return { family: 6, bits: ipv6Bits(text.split("%")[0]!) };
}

/** 10.1.2.3 as 0x0A010203. The text must be a valid IPv4 address. */
export function ipv4ToNumber(text: string): number {
  let value = 0;
  for (const part of text.split(".")) value = value * 256 + Number(part);
  return value;
}

/** 0x0A010203 as 10.1.2.3. */
export function numberToIpv4(value: number): string {
  return `${(value >>> 24) & 255}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

/** 128 bits as the shortest text (RFC 5952 without the embedded IPv4 form). */
export function bitsToIpv6(bits: bigint): string {
  const groups: number[] = [];
  for (let shift = 112n; shift >= 0n; shift -= 16n) groups.push(Number((bits >> shift) & 0xffffn));
  let bestStart = -1;
  let bestLength = 1;
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (start + length < 8 && groups[start + length] === 0) length++;
    if (length > bestLength) {
      bestStart = start;
      bestLength = length;
    }
  }
  const hex = (part: number[]) => part.map((group) => group.toString(16)).join(":");
  if (bestStart < 0) return hex(groups);
  return `${hex(groups.slice(0, bestStart))}::${hex(groups.slice(bestStart + bestLength))}`;
}

/** `10.0.0.0/8`, or a bare address as a block of one; undefined when it is neither. */
export function tryParseNetwork(text: string): Network | undefined {
  const slash = text.indexOf("/");
  const ip = tryIpBits(slash < 0 ? text.trim() : text.slice(0, slash).trim());
  if (!ip) return undefined;
  const width = ip.family === 4 ? 32 : 128;
  let prefix = width;
  if (slash >= 0) {
    const digits = text.slice(slash + 1).trim();
    if (!/^\d{1,3}$/.test(digits)) return undefined;
    prefix = Number(digits);
    if (prefix > width) return undefined;
  }
  const shift = BigInt(width - prefix);
  return { family: ip.family, bits: (ip.bits >> shift) << shift, prefix };
}

/** Whether an address (text) lies in a block. IPv4-mapped addresses count as IPv4; junk lies nowhere. */
export function networkContains(network: Network, address: string): boolean {
  const ip = tryIpBits(address);
  if (!ip || ip.family !== network.family) return false;
  const shift = BigInt((network.family === 4 ? 32 : 128) - network.prefix);
  return ip.bits >> shift === network.bits >> shift;
}

export function formatNetwork(network: Network): string {
  const ip = network.family === 4 ? numberToIpv4(Number(network.bits)) : bitsToIpv6(network.bits);
  return `${ip}/${network.prefix}`;
}

/** Splits `host:port`, `[v6]:port` or a bare host; port is undefined when absent. Undefined when malformed. */
export function trySplitHostPort(text: string): { host: string; port: number | undefined } | undefined {
  const match = /^(\[[^\]]+\]|[^:[\]]+)(?::(\d{1,5}))?$/.exec(text);
  if (!match) return undefined;
  const port = match[2] === undefined ? undefined : Number(match[2]);
  if (port !== undefined && port > 65535) return undefined;
  return { host: normaliseIp(match[1]!), port };
}

/** `host:port`, with brackets around IPv6. */
export function joinHostPort(host: string, port: number): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function ipv6Bits(text: string): bigint {
  let source = text;
  const lastColon = source.lastIndexOf(":");
  const tail = source.slice(lastColon + 1);
  if (tail.includes(".")) {
    const value = ipv4ToNumber(tail);
    source = `${source.slice(0, lastColon + 1)}${(value >>> 16).toString(16)}:${(value & 0xffff).toString(16)}`;
  }
  const [left, right] = source.split("::");
  const head = left ? left.split(":") : [];
  const rest = right ? right.split(":") : [];
  const zeros = right === undefined ? 0 : 8 - head.length - rest.length;
  const groups = [...head, ...Array<string>(zeros).fill("0"), ...rest];
  return groups.reduce((bits, group) => (bits << 16n) | BigInt(Number.parseInt(group, 16)), 0n);
}
