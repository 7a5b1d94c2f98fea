/** Dotted text of an IPv4 address in a number. */
export function formatIpv4(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join(".");
}

/** Text of an IPv6 address in two halves, as RFC 5952 wants it. */
export function formatIpv6(first: bigint, last: bigint): string {
  const groups = [first, last].flatMap((half) =>
    [48n, 32n, 16n, 0n].map((shift) => ((half >> shift) & 0xffffn).toString(16)),
  );
  // The platform's URL parser knows which run of zeros is the longest.
  return new URL(`http://[${groups.join(":")}]`).hostname.slice(1, -1);
}

/** A message as JSON with its addresses as text: `{"ip": {"ipv4": 2130706433}}` becomes `{"ip": "127.0.0.1"}`. */
export function withReadableAddresses(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withReadableAddresses);
  if (typeof value !== "object" || value === null) return value;
  const { ipv4, ipv6 } = value as { ipv4?: unknown; ipv6?: { first?: string; last?: string } };
  if (typeof ipv4 === "number") return formatIpv4(ipv4);
  if (typeof ipv6 === "object") return formatIpv6(BigInt(ipv6.first ?? 0), BigInt(ipv6.last ?? 0));
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, withReadableAddresses(child)]));
}
