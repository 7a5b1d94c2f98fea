import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "yaml";
import type { KubeObject } from "../../../../src/base/kube-object.ts";
import { silentLogger } from "../../../../src/base/log.ts";
import { reviewPolicy } from "../../../../src/control/admission/policy-review.ts";
import { formatProblems, validateObject } from "../../../../src/control/admission/validate-object.ts";

function objectOf(type: string, spec: string, name = "x"): KubeObject {
  const [apiVersion, kind] = [type.slice(0, type.lastIndexOf("/")), type.slice(type.lastIndexOf("/") + 1)];
  return { apiVersion, kind, metadata: { name, namespace: "demo" }, spec: parse(spec) };
}

const SERVER = "policy.meshctl.io/v1beta3/Server";
const SAZ = "policy.meshctl.io/v1beta1/ServerAuthorization";
const AUTHZ = "policy.meshctl.io/v1alpha1/AuthorizationPolicy";
const MTLS = "policy.meshctl.io/v1alpha1/MeshTLSAuthentication";
const NET = "policy.meshctl.io/v1alpha1/NetworkAuthentication";
const RATE = "policy.meshctl.io/v1alpha1/HTTPLocalRateLimitPolicy";
const EGRESS = "policy.meshctl.io/v1alpha1/EgressNetwork";
const OWN_ROUTE = "policy.meshctl.io/v1beta3/HTTPRoute";
const ROUTE = "gateway.networking.k8s.io/v1/HTTPRoute";
const GRPC = "gateway.networking.k8s.io/v1/GRPCRoute";
const TLS = "gateway.networking.k8s.io/v1alpha2/TLSRoute";
const PROFILE = "meshctl.io/v1alpha2/ServiceProfile";
const WORKLOAD = "workload.meshctl.io/v1beta1/ExternalWorkload";
const OLD_WORKLOAD = "workload.meshctl.io/v1alpha1/ExternalWorkload";

const TO_SERVER = "targetRef: { group: policy.meshctl.io, kind: Server, name: web }";
const OF_SERVER = "parentRefs: [{ group: policy.meshctl.io, kind: Server, name: web }]";
const OF_SERVICE = `parentRefs: [{ group: "", kind: Service, name: web, port: 80 }]`;
const OF_EGRESS = "parentRefs: [{ group: policy.meshctl.io, kind: EgressNetwork, name: all }]";
const MTLS_REF = "{ group: policy.meshctl.io, kind: MeshTLSAuthentication, name: m }";
const NET_REF = "{ group: policy.meshctl.io, kind: NetworkAuthentication, name: n }";

const OF_WEB = "meshTLS: { identity: web.demo, serverName: web.demo }";

/** What is admitted. */
const GOOD: readonly (readonly [type: string, spec: string])[] = [
  [
    WORKLOAD,
    `{ ${OF_WEB}, workloadIPs: [{ ip: 10.0.0.1 }, { ip: "fd00::1" }], ports: [{ name: http, port: 80 }, { port: 80, protocol: UDP }] }`,
  ],
  [WORKLOAD, `{ meshTLS: { identity: "spiffe://root.example/vm/web", serverName: web.example } }`],
  [OLD_WORKLOAD, "{ meshTls: { identity: web.demo, serverName: web.demo } }"],
  [SERVER, "{ podSelector: {}, port: http }"],
  [SERVER, "{ externalWorkloadSelector: {}, port: 80, proxyProtocol: gRPC, accessPolicy: audit }"],
  [SAZ, "{ server: { name: web }, client: { unauthenticated: true } }"],
  [SAZ, "{ server: { selector: {} }, client: { meshTLS: { unauthenticatedTLS: true } } }"],
  [
    SAZ,
    `{ server: { name: web }, client: { meshTLS: { identities: ["*", "*.demo.x"], serviceAccounts: [{ name: a }] } } }`,
  ],
  [AUTHZ, `{ ${TO_SERVER}, requiredAuthenticationRefs: [] }`],
  [AUTHZ, `{ ${TO_SERVER}, requiredAuthenticationRefs: [${MTLS_REF}, ${NET_REF}] }`],
  [
    AUTHZ,
    "{ targetRef: { kind: Namespace, name: demo }, requiredAuthenticationRefs: [{ kind: ServiceAccount, name: a }] }",
  ],
  [AUTHZ, "{ targetRef: { group: core, kind: namespace, name: demo }, requiredAuthenticationRefs: [] }"],
  [
    AUTHZ,
    "{ targetRef: { group: gateway.networking.k8s.io, kind: GRPCRoute, name: r }, requiredAuthenticationRefs: [] }",
  ],
  [
    AUTHZ,
    "{ targetRef: { group: policy.meshctl.io, kind: HTTPRoute, name: r }, requiredAuthenticationRefs: [] }",
  ],
  [
    MTLS,
    `{ identities: ["spiffe://example.org/ns/demo/sa/a", web.demo.serviceaccount.identity.meshctl.cluster.local] }`,
  ],
  [MTLS, "{ identityRefs: [{ kind: ServiceAccount, name: a, namespace: b }, { kind: Namespace, name: c }] }"],
  [NET, `{ networks: [{ cidr: 10.0.0.0/8, except: [10.1.0.0/16, 10.2.3.4] }, { cidr: "::1" }] }`],
  [
    RATE,
    `{ ${TO_SERVER}, total: { requestsPerSecond: 10 }, identity: { requestsPerSecond: 10 }, overrides: [{ requestsPerSecond: 5, clientRefs: [{ kind: ServiceAccount, name: a }] }] }`,
  ],
  [EGRESS, "{ trafficPolicy: Deny }"],
  [EGRESS, "{ trafficPolicy: Allow, networks: [{ cidr: 203.0.113.0/24 }] }"],
  [
    OWN_ROUTE,
    `{ ${OF_SERVER}, rules: [{ filters: [{ type: RequestHeaderModifier, requestHeaderModifier: { remove: [a] } }] }] }`,
  ],
  [
    OWN_ROUTE,
    `{ ${OF_SERVICE}, rules: [{ backendRefs: [{ name: web }], timeouts: { request: 2s, backendRequest: 1s } }] }`,
  ],
  [ROUTE, `{ ${OF_SERVICE}, rules: [{ timeouts: { request: 0s, backendRequest: 1s } }] }`],
  // Somebody else's: whatever it says.
  [
    ROUTE,
    "{ parentRefs: [{ name: gateway }], rules: [{ matches: [{ path: { type: Exact, value: nothing } }] }] }",
  ],
  [GRPC, `{ ${OF_SERVICE}, rules: [{ matches: [{ method: { service: a, method: b } }] }] }`],
  [TLS, `{ ${OF_SERVICE}, rules: [{ backendRefs: [{ name: web, port: 443 }] }] }`],
  ["v1/Service", "{ nothing: of ours }"],
];

for (const [type, spec] of GOOD) {
  test(`admitted: ${type} ${spec}`, () => {
    assert.equal(formatProblems(validateObject(objectOf(type, spec))), "");
  });
}

/** What is refused, with the message that `kubectl apply` shows. */
const BAD: readonly (readonly [type: string, spec: string, says: RegExp])[] = [
  [
    WORKLOAD,
    "{}",
    /^spec\.meshTLS\.identity: "" is no identity: .*; spec\.meshTLS\.serverName: "" is no DNS name: .*$/,
  ],
  [
    OLD_WORKLOAD,
    `{ meshTls: { identity: "spiffe://root.example", serverName: "*.demo" } }`,
    /^spec\.meshTls\.identity: "spiffe:\/\/root\.example" is no identity: .*; spec\.meshTls\.serverName: "\*\.demo" is/,
  ],
  [
    WORKLOAD,
    `{ meshTLS: { identity: "*.demo", serverName: web.demo } }`,
    /^spec\.meshTLS\.identity: "\*\.demo" is a pattern: write the one name of its certificate$/,
  ],
  [
    WORKLOAD,
    `{ ${OF_WEB}, workloadIPs: [{ ip: web-1 }, { ip: 0.0.0.0 }] }`,
    /^spec\.workloadIPs\[0\]\.ip: "web-1" is no IP address; spec\.workloadIPs\[1\]\.ip: 0\.0\.0\.0 is no machine's address$/,
  ],
  [
    WORKLOAD,
    `{ ${OF_WEB}, workloadIPs: [{ ip: "fd00::1" }, { ip: "FD00:0::1" }] }`,
    /^spec\.workloadIPs\[1\]\.ip: FD00:0::1 is there twice$/,
  ],
  [
    WORKLOAD,
    `{ ${OF_WEB}, ports: [{ name: http, port: 80 }, { name: http, port: 81 }, { port: 0, protocol: TPC }] }`,
    /^spec\.ports\[1\]\.name: "http" is the name of another port, too; spec\.ports\[2\]\.port: 0 is no port: .*; spec\.ports\[2\]\.protocol: "TPC" is unknown: write TCP$/,
  ],
  [
    SERVER,
    "{ port: 80 }",
    /^spec\.podSelector: give exactly one of podSelector and externalWorkloadSelector$/,
  ],
  [
    SERVER,
    "{ podSelector: {}, externalWorkloadSelector: {}, port: 80 }",
    /^spec\.podSelector: give exactly one/,
  ],
  [
    SERVER,
    "{ podSelector: {}, port: 0 }",
    /^spec\.port: 0 is no port: write a number from 1 to 65535, or the name/,
  ],
  [SERVER, `{ podSelector: {}, port: "8080" }`, /^spec\.port: "8080" is no port/],
  [
    SERVER,
    "{ podSelector: {}, port: 80, proxyProtocol: http }",
    /^spec\.proxyProtocol: "http" is unknown: write one of unknown, HTTP\/1,/,
  ],
  [
    SERVER,
    "{ podSelector: {}, port: 80, accessPolicy: allow }",
    /^spec\.accessPolicy: "allow" is unknown: write one of deny, all-authenticated,/,
  ],
  [
    SAZ,
    "{ server: {}, client: { unauthenticated: true } }",
    /^spec\.server: give exactly one of name and selector$/,
  ],
  [SAZ, "{ server: { name: a }, client: {} }", /^spec\.client: no client is named/],
  [
    SAZ,
    "{ server: { name: a }, client: { unauthenticated: true, meshTLS: { unauthenticatedTLS: true } } }",
    /^spec\.client\.meshTLS: unauthenticated clients need no meshTLS/,
  ],
  [
    SAZ,
    "{ server: { name: a }, client: { meshTLS: { unauthenticatedTLS: true, identities: [a] } } }",
    /^spec\.client\.meshTLS: unauthenticatedTLS lets in clients of any name/,
  ],
  [
    SAZ,
    "{ server: { name: a }, client: { unauthenticated: true, networks: [{ cidr: 10.0.0.0/99 }] } }",
    /^spec\.client\.networks\[0\]\.cidr: "10\.0\.0\.0\/99" is no network/,
  ],
  [
    AUTHZ,
    "{ targetRef: { kind: Namespace, name: other }, requiredAuthenticationRefs: [] }",
    /^spec\.targetRef\.name: Namespace other is not this policy's own: write "demo"/,
  ],
  [
    AUTHZ,
    "{ targetRef: { kind: Deployment, group: apps, name: web }, requiredAuthenticationRefs: [] }",
    /^spec\.targetRef: Deployment\.apps cannot be protected/,
  ],
  [
    AUTHZ,
    "{ targetRef: { kind: Server, name: web }, requiredAuthenticationRefs: [] }",
    /^spec\.targetRef: Server cannot be protected.*is the group right\?$/,
  ],
  [
    AUTHZ,
    `{ ${TO_SERVER}, requiredAuthenticationRefs: [${MTLS_REF}, ${MTLS_REF}] }`,
    /^spec\.requiredAuthenticationRefs\[1\]: MeshTLSAuthentication m is the second source of identities/,
  ],
  [
    AUTHZ,
    `{ ${TO_SERVER}, requiredAuthenticationRefs: [${MTLS_REF}, { kind: ServiceAccount, name: a }] }`,
    /^spec\.requiredAuthenticationRefs\[1\]: ServiceAccount a is the second/,
  ],
  [
    AUTHZ,
    `{ ${TO_SERVER}, requiredAuthenticationRefs: [${NET_REF}, ${NET_REF}] }`,
    /^spec\.requiredAuthenticationRefs\[1\]: it is the second NetworkAuthentication/,
  ],
  [
    AUTHZ,
    `{ ${TO_SERVER}, requiredAuthenticationRefs: [{ kind: User, name: a }] }`,
    /^spec\.requiredAuthenticationRefs\[0\]: User authenticates nobody/,
  ],
  [
    MTLS,
    "{ identities: [a], identityRefs: [{ kind: Namespace, name: a }] }",
    /^spec\.identities: give exactly one of identities and identityRefs$/,
  ],
  [MTLS, "{ identities: [] }", /^spec\.identities: the list is empty/],
  [MTLS, `{ identities: ["web.*.demo"] }`, /^spec\.identities\[0\]: "web\.\*\.demo" is no identity/],
  [
    MTLS,
    `{ identities: ["spiffe://example.org"] }`,
    /^spec\.identities\[0\]: "spiffe:\/\/example\.org" is no SPIFFE id/,
  ],
  [
    MTLS,
    "{ identityRefs: [{ kind: Namespace, name: a, namespace: b }] }",
    /^spec\.identityRefs\[0\]\.namespace: a Namespace lies in none/,
  ],
  [MTLS, "{ identityRefs: [{ kind: Pod, name: a }] }", /^spec\.identityRefs\[0\]\.kind: Pod has no identity/],
  [NET, "{ networks: [] }", /^spec\.networks: the list is empty/],
  [
    NET,
    "{ networks: [{ cidr: everywhere }] }",
    /^spec\.networks\[0\]\.cidr: "everywhere" is no network: write an address, or one like 10\.0\.0\.0\/8$/,
  ],
  [
    NET,
    "{ networks: [{ cidr: 10.0.0.0/8, except: [11.0.0.0/16] }] }",
    /^spec\.networks\[0\]\.except\[0\]: "11\.0\.0\.0\/16" is not inside "10\.0\.0\.0\/8"/,
  ],
  [
    NET,
    "{ networks: [{ cidr: 10.0.0.0/8, except: [10.0.0.0/8] }] }",
    /^spec\.networks\[0\]\.except\[0\]: .* or all of it/,
  ],
  [
    RATE,
    "{ targetRef: { group: policy.meshctl.io, kind: HTTPRoute, name: a }, total: { requestsPerSecond: 1 } }",
    /^spec\.targetRef: HTTPRoute\.policy\.meshctl\.io cannot be limited/,
  ],
  [RATE, `{ ${TO_SERVER} }`, /^spec\.total: nothing is limited/],
  [
    RATE,
    `{ ${TO_SERVER}, total: { requestsPerSecond: 0 } }`,
    /^spec\.total\.requestsPerSecond: 0 is no rate/,
  ],
  [
    RATE,
    `{ ${TO_SERVER}, total: { requestsPerSecond: 5 }, identity: { requestsPerSecond: 6 } }`,
    /^spec\.identity\.requestsPerSecond: 6 is more than total \(5\)/,
  ],
  [
    RATE,
    `{ ${TO_SERVER}, total: { requestsPerSecond: 5 }, overrides: [{ requestsPerSecond: 6, clientRefs: [{ kind: User, name: a }] }] }`,
    /^spec\.overrides\[0\]\.requestsPerSecond: 6 is more.*; spec\.overrides\[0\]\.clientRefs\[0\]: User is no client/,
  ],
  [EGRESS, "{ trafficPolicy: Perhaps }", /^spec\.trafficPolicy: "Perhaps" is unknown: write Allow or Deny$/],
  [EGRESS, "{ trafficPolicy: Allow, networks: [] }", /^spec\.networks: the list is empty/],
  [OWN_ROUTE, `{ ${OF_EGRESS}, rules: [] }`, /^spec\.parentRefs\[0\]\.port: is missing: EgressNetwork all/],
  [
    OWN_ROUTE,
    `{ ${OF_SERVER}, rules: [{ matches: [{ path: { type: PathPrefix, value: admin } }] }] }`,
    /^spec\.rules\[0\]\.matches\[0\]\.path: "admin" does not begin with \/$/,
  ],
  [
    OWN_ROUTE,
    `{ ${OF_SERVER}, rules: [{ matches: [{ path: { type: RegularExpression, value: "/(" } }] }] }`,
    /^spec\.rules\[0\]\.matches\[0\]\.path: bad regular expression/,
  ],
  [
    OWN_ROUTE,
    `{ ${OF_SERVER}, rules: [{ filters: [{ type: ResponseHeaderModifier, responseHeaderModifier: { remove: [a] } }] }] }`,
    /^spec\.rules\[0\]\.filters\[0\]\.type: ResponseHeaderModifier is not supported where a Server is the parent$/,
  ],
  [
    OWN_ROUTE,
    `{ ${OF_SERVICE}, rules: [{ timeouts: { request: 1s, backendRequest: 2s } }] }`,
    /^spec\.rules\[0\]\.timeouts\.backendRequest: "2s" is longer than request/,
  ],
  [
    OWN_ROUTE,
    `{ ${OF_SERVICE}, rules: [{ timeouts: { request: soon } }] }`,
    /^spec\.rules\[0\]\.timeouts\.request: "soon" is no duration/,
  ],
  [
    ROUTE,
    `{ ${OF_SERVICE}, rules: [{ backendRefs: [{ name: web }] }] }`,
    /^spec\.rules\[0\]\.backendRefs\[0\]\.port: is missing: write the port of Service demo\/web$/,
  ],
  [
    TLS,
    `{ ${OF_SERVICE}, rules: [{}, {}] }`,
    /^spec\.rules: there are 2 rules, and exactly one is supported$/,
  ],
  [
    PROFILE,
    "{ routes: [{ name: a, condition: {} }] }",
    /^metadata\.name: "x" is no Service's full name.*; spec\.routes\[0\]\.condition: matches nothing: give pathRegex, method, all, any, not$/,
  ],
  [
    PROFILE,
    "{ routes: [{ name: a, condition: { all: [{ pathRegex: '(' }] }, timeout: never }] }",
    /spec\.routes\[0\]\.condition\.all\[0\]\.pathRegex: "\(" is no regular expression; spec\.routes\[0\]\.timeout: "never" is no duration/,
  ],
  [
    PROFILE,
    "{ routes: [{ name: a, condition: { method: GET }, responseClasses: [{ condition: { status: { min: 600, max: 500 } } }] }] }",
    /status\.min: 600 is no HTTP status.*status: min 600 is more than max 500$/,
  ],
  [
    PROFILE,
    "{ routes: [{ name: a, condition: { methd: GET, method: GET } }], retryBudget: { retryRatio: -1 } }",
    /condition\.methd: is no field of a match.*retryRatio: -1 is no share.*retryBudget\.ttl: is missing/,
  ],
  [
    PROFILE,
    "{ retryBudget: { minRetriesPerSecond: 1, retryRatio: 1001, ttl: 2m } }",
    /retryRatio: 1001 is no share.*retryBudget\.ttl: "2m" is no duration from 1s to 60s/,
  ],
  [
    PROFILE,
    "{ dstOverrides: [{ authority: 'http://a', weight: 1 }, { authority: 'a:80', weight: -1 }], opaquePorts: [a-b] }",
    /dstOverrides\[0\]\.authority: "http:\/\/a" is no name:port.*dstOverrides\[1\]\.weight: "-1" is no weight.*opaquePorts: "a-b" is no port/,
  ],
  // Another shape than the schema's, which only an API server without the schema would let through.
  [SAZ, "{ server: { name: a } }", /^spec: has not the shape of the schema/],
];

for (const [type, spec, says] of BAD) {
  test(`refused: ${type} ${spec}`, () => {
    assert.match(formatProblems(validateObject(objectOf(type, spec))), says);
  });
}

test("a good ServiceProfile is admitted", () => {
  const spec =
    "{ routes: [{ name: a, condition: { method: GET }, timeout: 1s }], retryBudget: { minRetriesPerSecond: 1, retryRatio: 0.1, ttl: 10s } }";
  assert.deepEqual(validateObject(objectOf(PROFILE, spec, "web.demo.svc.cluster.local")), []);
});

const review = (object: KubeObject) =>
  reviewPolicy(
    { apiVersion: "admission.k8s.io/v1", uid: "u", namespace: "demo", operation: "CREATE", object },
    silentLogger,
  );

test("a Gateway API route that asks for more than we can do is admitted with a warning", () => {
  const spec = `{ ${OF_SERVICE}, rules: [{ filters: [{ type: ExtensionRef, extensionRef: { group: a, kind: b, name: c } }] }] }`;
  assert.deepEqual(review(objectOf(ROUTE, spec)), {
    warnings: ["meshctl leaves this route out: spec.rules[0].filters[0].type: ExtensionRef is not supported"],
  });
});

test("an object on its way out is not judged, so that its finalizers can go", () => {
  const object = objectOf(SERVER, "{ podSelector: {}, port: 0 }");
  assert.notEqual(review(object).denied, undefined);
  object.metadata.deletionTimestamp = "2026-01-01T00:00:00Z";
  assert.equal(review(object).denied, undefined);
});

test("a policy's own namespace is that of the request, when the object does not say", () => {
  const object = objectOf(
    AUTHZ,
    "{ targetRef: { kind: Namespace, name: demo }, requiredAuthenticationRefs: [] }",
  );
  delete object.metadata.namespace;
  assert.equal(review(object).denied, undefined);
});
