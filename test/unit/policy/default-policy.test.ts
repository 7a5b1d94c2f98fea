import assert from "node:assert/strict";
import { test } from "node:test";
import { tryParseNetwork } from "../../../src/base/ip.ts";
import { authorizeConnection, type Peer } from "../../../src/policy/authorize.ts";
import {
  DEFAULT_POLICIES,
  type DefaultPolicy,
  defaultServerPolicy,
} from "../../../src/policy/default-policy.ts";

const clusterNetworks = [tryParseNetwork("10.0.0.0/8")!];
const PEERS: Readonly<Record<string, Peer>> = {
  "plain inside": { ip: "10.1.1.1", identity: "", meshTls: false },
  "meshed inside": { ip: "10.1.1.1", identity: "a.b", meshTls: true },
  "plain outside": { ip: "192.0.2.1", identity: "", meshTls: false },
  "meshed outside": { ip: "192.0.2.1", identity: "a.b", meshTls: true },
  "plain IPv6": { ip: "2001:db8::1", identity: "", meshTls: false },
};

const ALLOWED: Readonly<Record<DefaultPolicy, readonly string[]>> = {
  deny: [],
  "all-authenticated": ["meshed inside", "meshed outside"],
  "all-unauthenticated": Object.keys(PEERS),
  "cluster-authenticated": ["meshed inside"],
  "cluster-unauthenticated": ["plain inside", "meshed inside"],
  audit: Object.keys(PEERS),
};

for (const name of DEFAULT_POLICIES) {
  test(`default policy ${name} lets in ${ALLOWED[name].join(", ") || "nobody"}`, () => {
    const policy = defaultServerPolicy(name, { clusterNetworks, opaque: false, detectTimeoutMs: 10 });
    const allowed = Object.entries(PEERS).filter(([, peer]) => authorizeConnection(policy, peer, []).allowed);
    assert.deepEqual(
      allowed.map(([who]) => who),
      ALLOWED[name],
    );
    assert.equal(policy.protocol.kind, name === "deny" ? "opaque" : "detect");
    assert.equal(policy.meta.name, name);
  });
}

test("default policy of an opaque port is opaque and authorizes as ever", () => {
  const policy = defaultServerPolicy("all-authenticated", {
    clusterNetworks,
    opaque: true,
    detectTimeoutMs: 10,
  });
  assert.equal(policy.protocol.kind, "opaque");
  assert.equal(authorizeConnection(policy, PEERS["meshed inside"]!, []).allowed, true);
});
