import assert from "node:assert/strict";
import { test } from "node:test";
import { formatNetwork } from "../../../src/base/ip.ts";
import { planRedirect, type RedirectOptions } from "../../../src/init/redirect-plan.ts";

const OPTIONS: RedirectOptions = {
  incomingProxyPort: 4143,
  outgoingProxyPort: 4140,
  proxyUid: 2102,
  proxyGid: -1,
  portsToRedirect: "",
  inboundPortsToIgnore: "",
  outboundPortsToIgnore: "",
  subnetsToIgnore: "",
  ipv6: true,
};

test("ports are sorted, and those that overlap or touch become one range: the kernel refuses overlaps", () => {
  const plan = planRedirect({ ...OPTIONS, inboundPortsToIgnore: "4191, 80,4190,8000-8010,8005-8020,80" });
  assert.deepEqual(plan.skipInbound, [
    { first: 80, last: 80 },
    { first: 4190, last: 4191 },
    { first: 8000, last: 8020 },
  ]);
});

test("a subnet within another, or named twice, is left out; host bits are cut", () => {
  const subnetsToIgnore = "10.1.2.3/16,10.0.0.0/8,fd00::/8,192.168.0.1,fd00::/8,10.0.0.0/8";
  const plan = planRedirect({ ...OPTIONS, subnetsToIgnore });
  assert.deepEqual(plan.skipNetworks.map(formatNetwork), ["10.0.0.0/8", "fd00::/8", "192.168.0.1/32"]);
});

test("malformed ports, subnets and owners are refused with flag and value", () => {
  const refuses = (change: Partial<RedirectOptions>, code: string, words: RegExp) =>
    assert.throws(() => planRedirect({ ...OPTIONS, ...change }), { code, message: words });
  refuses({ inboundPortsToIgnore: "80,http" }, "INIT_BAD_PORT", /--inbound-ports-to-ignore: "http"/);
  refuses({ outboundPortsToIgnore: "20-10" }, "INIT_BAD_PORT", /--outbound-ports-to-ignore: "20-10"/);
  refuses({ portsToRedirect: "65536" }, "INIT_BAD_PORT", /--ports-to-redirect: "65536"/);
  refuses({ incomingProxyPort: 0 }, "INIT_BAD_PORT", /--incoming-proxy-port: "0"/);
  refuses({ outgoingProxyPort: 70_000 }, "INIT_BAD_PORT", /--outgoing-proxy-port: "70000"/);
  refuses({ subnetsToIgnore: "10.0.0.0/33" }, "INIT_BAD_SUBNET", /"10.0.0.0\/33"/);
  refuses({ proxyUid: 1.5 }, "INIT_BAD_OWNER", /--proxy-uid: 1.5/);
});

test("without a user or group of the proxy nothing is redirected: it would talk to itself", () => {
  assert.throws(() => planRedirect({ ...OPTIONS, proxyUid: 0 }), { code: "INIT_NO_EXEMPTION" });
  assert.equal(planRedirect({ ...OPTIONS, proxyUid: 0, proxyGid: 7 }).proxyGid, 7);
});

test("IPv6 can be left out", () => {
  assert.deepEqual(planRedirect(OPTIONS).families, [4, 6]);
  assert.deepEqual(planRedirect({ ...OPTIONS, ipv6: false }).families, [4]);
});
