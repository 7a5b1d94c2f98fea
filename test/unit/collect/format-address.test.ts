import assert from "node:assert/strict";
import { test } from "node:test";
import { formatIpv4, formatIpv6, withReadableAddresses } from "../../../src/collect/format-address.ts";

const IPV4: readonly (readonly [number, string])[] = [
  [0, "0.0.0.0"],
  [0x7f000001, "127.0.0.1"],
  [0xffffffff, "255.255.255.255"],
];
for (const [value, text] of IPV4) {
  test(`${value} is the IPv4 address ${text}`, () => assert.equal(formatIpv4(value), text));
}

const IPV6: readonly (readonly [bigint, bigint, string])[] = [
  [0n, 1n, "::1"],
  [0xfd00_0000_0000_0000n, 0x9n, "fd00::9"],
  [0x2001_0db8_0000_0000n, 0x0001_0000_0000_0001n, "2001:db8::1:0:0:1"],
  [0x0001_0002_0003_0004n, 0x0005_0006_0007_0008n, "1:2:3:4:5:6:7:8"],
];
for (const [first, last, text] of IPV6) {
  test(`${first}, ${last} is the IPv6 address ${text}`, () => assert.equal(formatIpv6(first, last), text));
}

test("messages as JSON get their addresses as text, wherever they are, and nothing else changes", () => {
  assert.deepEqual(
    withReadableAddresses({
      endpoints: [{ addr: { ip: { ipv4: 167_772_161 }, port: 80 } }],
      other: { ip: { ipv6: { last: "1" } } },
      none: null,
    }),
    { endpoints: [{ addr: { ip: "10.0.0.1", port: 80 } }], other: { ip: "::1" }, none: null },
  );
});
