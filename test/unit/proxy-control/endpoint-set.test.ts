import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { UpdateSchema, WeightedAddrSchema } from "../../../src/api/gen/io/linkerd/proxy/destination_pb.js";
import { tryDecodeEndpoint } from "../../../src/proxy/discovery/decode-endpoint.ts";
import { applyUpdate, isMeaningful, UNKNOWN_ENDPOINTS } from "../../../src/proxy/discovery/endpoint-set.ts";

type Addr = MessageInitShape<typeof WeightedAddrSchema>;
const tcp = (last: number, port = 80) => ({
  ip: { ip: { case: "ipv4", value: 0x0a000000 + last } as const },
  port,
});
const join = (...parts: Addr[]): Addr => Object.assign({}, ...parts);
const addr = (last: number, parts: Addr = {}): Addr => join({ addr: tcp(last), weight: 10_000 }, parts);
const add = (addrs: Addr[], metricLabels: Record<string, string> = {}) =>
  create(UpdateSchema, { update: { case: "add", value: { addrs, metricLabels } } });
const remove = (...last: number[]) =>
  create(UpdateSchema, { update: { case: "remove", value: { addrs: last.map((value) => tcp(value)) } } });
const none = (exists: boolean) =>
  create(UpdateSchema, { update: { case: "noEndpoints", value: { exists } } });
const keys = (set: { endpoints: ReadonlyMap<string, unknown> }) => [...set.endpoints.keys()];

const two = applyUpdate(UNKNOWN_ENDPOINTS, add([addr(1), addr(2)]), true);

test("first Add makes the set known", () => {
  assert.deepEqual([two.known, two.exists, keys(two)], [true, true, ["10.0.0.1:80", "10.0.0.2:80"]]);
});

test("later Add keeps what it does not list", () => {
  assert.deepEqual(keys(applyUpdate(two, add([addr(3)]), false)), [
    "10.0.0.1:80",
    "10.0.0.2:80",
    "10.0.0.3:80",
  ]);
});

test("first Add of a new stream replaces the set, and keeps unchanged endpoints as they are", () => {
  const next = applyUpdate(two, add([addr(2), addr(3)]), true);
  assert.deepEqual(keys(next), ["10.0.0.2:80", "10.0.0.3:80"]);
  assert.equal(next.endpoints.get("10.0.0.2:80"), two.endpoints.get("10.0.0.2:80"));
});

test("identical repeat is the same set", () => {
  assert.equal(applyUpdate(two, add([addr(1)]), false), two);
  assert.equal(applyUpdate(two, add([addr(1), addr(2)]), true), two);
});

test("changed metadata is a new endpoint", () => {
  const next = applyUpdate(two, add([addr(1, { metricLabels: { zone: "b" } })]), false);
  assert.notEqual(next.endpoints.get("10.0.0.1:80"), two.endpoints.get("10.0.0.1:80"));
  assert.equal(next.endpoints.get("10.0.0.2:80"), two.endpoints.get("10.0.0.2:80"));
});

test("Remove drops what it names and ignores the unknown", () => {
  assert.deepEqual(keys(applyUpdate(two, remove(1, 9), false)), ["10.0.0.2:80"]);
  assert.equal(applyUpdate(two, remove(9), false), two);
});

test("initial Remove is ignored", () => {
  assert.equal(applyUpdate(two, remove(1), true), two);
  assert.equal(isMeaningful(remove(1)), false);
});

test("NoEndpoints clears, and says whether the service exists", () => {
  for (const exists of [true, false]) {
    const next = applyUpdate(two, none(exists), true);
    assert.deepEqual([next.known, next.exists, next.endpoints.size], [true, exists, 0]);
  }
});

test("Add without a single address that can be read is ignored, and is no first one", () => {
  const junk = add([{ addr: { port: 80 } }]);
  assert.equal(applyUpdate(two, junk, true), two);
  assert.equal(isMeaningful(junk), false);
});

test("update without alternative is ignored", () => {
  assert.equal(applyUpdate(two, create(UpdateSchema), false), two);
});

describe("an endpoint", () => {
  const decode = (parts: Addr, labels = {}) =>
    tryDecodeEndpoint(create(WeightedAddrSchema, addr(1, parts)), labels)!;
  const dns = (name: string, serverName?: string): Addr => ({
    tlsIdentity: {
      strategy: { case: "dnsLikeIdentity", value: { name } },
      ...(serverName === undefined ? {} : { serverName: { name: serverName } }),
    },
  });

  test("has its own labels over the set's", () => {
    assert.deepEqual(decode({ metricLabels: { a: "own" } }, { a: "set", b: "set" }).labels, {
      a: "own",
      b: "set",
    });
  });
  test("has the identity as SNI unless one is given", () => {
    assert.deepEqual(decode(dns("web.demo")).tls, { identity: "web.demo", serverName: "web.demo" });
    assert.deepEqual(decode(dns("web.demo", "sni")).tls, { identity: "web.demo", serverName: "sni" });
  });
  test("of a URI identity needs an SNI", () => {
    const uri: Addr = {
      tlsIdentity: { strategy: { case: "uriLikeIdentity", value: { uri: "spiffe://a/b" } } },
    };
    assert.equal(decode(uri).tls, undefined);
    uri.tlsIdentity!.serverName = { name: "sni" };
    assert.deepEqual(decode(uri).tls, { identity: "spiffe://a/b", serverName: "sni" });
  });
  test("with an identity that cannot be read is unmeshed", () => {
    assert.equal(decode({ tlsIdentity: {} }).tls, undefined);
    assert.equal(decode(dns("")).tls, undefined);
  });
  test("takes transport headers only with an identity, on a valid port", () => {
    const hint = (inboundPort: number): Addr => ({ protocolHint: { opaqueTransport: { inboundPort } } });
    assert.equal(decode(hint(4143)).opaqueTransportPort, undefined);
    assert.equal(decode(join(dns("a"), hint(4143))).opaqueTransportPort, 4143);
    assert.equal(decode(join(dns("a"), hint(65535))).opaqueTransportPort, undefined);
    assert.equal(decode(join(dns("a"), hint(0))).opaqueTransportPort, undefined);
  });
  test("has its protocol hint", () => {
    assert.equal(decode({ protocolHint: { protocol: { case: "h2", value: {} } } }).protocolHint, "h2");
    assert.equal(
      decode({ protocolHint: { protocol: { case: "opaque", value: {} } } }).protocolHint,
      "opaque",
    );
    assert.equal(decode({}).protocolHint, undefined);
  });
  test("drops an authority override that cannot be read", () => {
    assert.equal(
      decode({ authorityOverride: { authorityOverride: "gw:8080" } }).authorityOverride,
      "gw:8080",
    );
    assert.equal(decode({ authorityOverride: { authorityOverride: "a:b:c" } }).authorityOverride, undefined);
  });
  test("cuts its port to 16 bits, and may be IPv6", () => {
    assert.equal(decode({ addr: tcp(1, 65536 + 80) }).address, "10.0.0.1:80");
    const v6 = {
      ip: { ip: { case: "ipv6", value: { first: 0xfd00n << 48n, last: 1n } } as const },
      port: 80,
    };
    assert.equal(decode({ addr: v6 }).address, "[fd00::1]:80");
  });
});
