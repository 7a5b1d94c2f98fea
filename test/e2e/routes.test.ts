/**
 * Routes of an installed mesh, as `kubectl apply` brings them: real proxies of real pods in a local cluster. Each part prints how long
 * its route took from the moment when it was asked for to the first request that followed it.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type LocalMesh, startLocalMesh } from "../support/local-mesh.ts";
import { BUILT_ENTRY } from "../support/run-process.ts";
import { until } from "../support/until.ts";

const NOT_BUILT = existsSync(BUILT_ENTRY) ? false : "dist/ is missing: npm run build";
const APPLICATION = fileURLToPath(new URL("../support/apps/routed.ts", import.meta.url));
/** A hang ends as a failure; none of these says how fast anything has to be. */
const LIMIT_MS = 120_000;

const service = (
  name: string,
  selector: string,
  port = "{ name: http, port: 80, targetPort: http }",
  annotations = "{}",
) => `
apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop, annotations: ${annotations} }
spec: { selector: { ${selector} }, ports: [${port}] }
`;
const GRPC = "{ name: grpc, port: 7070, targetPort: grpc, appProtocol: kubernetes.io/h2c }";
const deployment = (name: string, labels: string) => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, namespace: shop }
spec:
  replicas: 1
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata:
      labels: { app: ${name}, ${labels} }
      annotations: { dev.meshctl.io/command.app: '"${process.execPath}" "${APPLICATION}"' }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: app
          image: example/routed
          env: [{ name: APP, value: ${name} }]
          ports: [{ name: http, containerPort: 8080 }, { name: grpc, containerPort: 7070 }]
          readinessProbe: { httpGet: { path: /ready, port: http }, periodSeconds: 1 }
`;
const APPLICATIONS = [
  `
apiVersion: v1
kind: Namespace
metadata: { name: shop, annotations: { meshctl.io/inject: enabled } }
`,
  service("web", "part: web"),
  service("web-v1", "app: web-v1"),
  service("web-v2", "app: web-v2"),
  service("calls", "part: web", GRPC),
  service("calls-v1", "app: web-v1", GRPC),
  service("calls-v2", "app: web-v2", GRPC),
  deployment("web-v1", "part: web"),
  deployment("web-v2", "part: web"),
  deployment("client", "part: client"),
].join("---");

/** As small as a definition can be: the published one has 4000 lines. */
const definition = (kind: string) => `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: ${kind.toLowerCase()}s.gateway.networking.k8s.io }
spec:
  group: gateway.networking.k8s.io
  scope: Namespaced
  names: { kind: ${kind}, plural: ${kind.toLowerCase()}s, singular: ${kind.toLowerCase()}, listKind: ${kind}List }
  versions:
    - name: v1
      served: true
      storage: true
      subresources: { status: {} }
      schema: { openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true } }
`;
/** The one route of these tests; each applies another. */
const route = (rules: string, annotations = "{}") => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: web, namespace: shop, annotations: ${annotations} }
spec:
  parentRefs: [{ group: "", kind: Service, name: web, port: 80 }]
  rules: ${rules}
`;
const V1 = "{ name: web-v1, port: 80 }";
const V2 = "{ name: web-v2, port: 80 }";

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

interface Echo {
  readonly app: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
}

describe("routes of an installed mesh", { skip: NOT_BUILT }, () => {
  let mesh: LocalMesh;

  before(
    async () => {
      mesh = await startLocalMesh();
      await mesh.apply(["HTTPRoute", "GRPCRoute"].map(definition).join("---"));
      await mesh.apply(APPLICATIONS);
      await mesh.available("shop");
    },
    { timeout: LIMIT_MS },
  );
  after(() => mesh?.stop());

  /** Asks the client's application to ask. */
  async function call(path: string, headers: Record<string, string> = {}, to = "web"): Promise<Answer> {
    const [pod] = mesh.pods("shop", "client");
    const response = await fetch(`http://${pod!.status.podIP}:8080/call`, {
      method: "POST",
      body: JSON.stringify({ service: to, path, headers }),
    });
    return (await response.json()) as Answer;
  }
  const echo = ({ body }: Answer): Echo => JSON.parse(body) as Echo;

  /** Applies the route and waits for the first request that follows it. */
  async function applied(t: TestContext, yaml: string, isFollowed: () => Promise<boolean>): Promise<void> {
    await mesh.apply(yaml);
    const startedMs = performance.now();
    await until("the route to take effect", isFollowed, LIMIT_MS);
    t.diagnostic(`took effect after ${Math.round(performance.now() - startedMs)} ms`);
  }

  test("a split sends its shares, whatever the Service itself selects", async (t) => {
    // An annotation that no request sees marks the moment at which the new route is there.
    const marked = (v1: number, v2: number) =>
      route(`
    - filters: [{ type: ResponseHeaderModifier, responseHeaderModifier: { set: [{ name: x-split, value: "${v1}-${v2}" }] } }]
      backendRefs: [{ name: web-v1, port: 80, weight: ${v1} }, { name: web-v2, port: 80, weight: ${v2} }]`);
    const isSplit = (value: string) => async () => (await call("/")).headers["x-split"] === value;
    await applied(t, marked(1, 0), isSplit("1-0"));
    for (let count = 0; count < 20; count++) assert.equal(echo(await call("/")).app, "web-v1");
    await applied(t, marked(3, 1), isSplit("3-1"));
    let toV2 = 0;
    for (let count = 0; count < 200; count++) if (echo(await call("/")).app === "web-v2") toV2++;
    // Ten standard deviations around 50: chance does not leave these bounds.
    assert.ok(toV2 > 0 && toV2 < 112, `${toV2} of 200`);
  });

  test("a header chooses the backend, and filters change what it sees", async (t) => {
    const rules = `
    - matches: [{ headers: [{ name: x-version, value: two }] }]
      filters: [{ type: RequestHeaderModifier, requestHeaderModifier: { set: [{ name: x-routed, value: "yes" }], remove: [x-secret] } }]
      backendRefs: [${V2}]
    - backendRefs: [${V1}]`;
    await applied(
      t,
      route(rules),
      async () => echo(await call("/", { "x-version": "two" })).headers["x-routed"] === "yes",
    );
    const two = echo(await call("/", { "x-version": "two", "x-secret": "1" }));
    assert.equal(two.app, "web-v2");
    assert.equal(two.headers["x-secret"], undefined);
    for (let count = 0; count < 10; count++)
      assert.equal(echo(await call("/", { "x-version": "one" })).app, "web-v1");
  });

  test("a redirect answers, and a rewrite sends on", async (t) => {
    const rules = `
    - matches: [{ path: { type: PathPrefix, value: /old } }]
      filters: [{ type: RequestRedirect, requestRedirect: { hostname: shop.example, port: 8443, scheme: https, statusCode: 301, path: { type: ReplacePrefixMatch, replacePrefixMatch: /new } } }]
    - matches: [{ path: { type: PathPrefix, value: /api/v1 } }]
      filters: [{ type: URLRewrite, urlRewrite: { hostname: inner.example, path: { type: ReplacePrefixMatch, replacePrefixMatch: /v1 } } }]
      backendRefs: [${V1}]
    - matches: [{ path: { type: PathPrefix, value: /broken } }]
      backendRefs: [{ name: not-there, port: 80 }]`;
    await applied(t, route(rules), async () => (await call("/old/page?q=1")).status === 301);
    assert.equal((await call("/old/page?q=1")).headers.location, "https://shop.example:8443/new/page?q=1");
    const rewritten = echo(await call("/api/v1/carts?id=7"));
    assert.equal(rewritten.url, "/v1/carts?id=7");
    assert.equal(rewritten.headers.host, "inner.example");
    assert.equal(rewritten.app, "web-v1");
    const broken = await call("/broken");
    assert.equal(broken.status, 500);
    assert.equal((await call("/elsewhere")).status, 404);
  });

  test("a timeout ends a request that is not answered", async (t) => {
    const rules = `[{ backendRefs: [${V1}], timeouts: { request: 300ms } }]`;
    await applied(t, route(rules), async () => (await call("/fine")).status === 200);
    assert.equal((await call("/never")).status, 504);
  });

  test("a retry hides a failure, until it is taken back", async (t) => {
    const rules = `[{ backendRefs: [${V1}] }]`;
    let attempt = 0;
    const next = () => call(`/fail-first/${attempt++}`);
    await applied(
      t,
      route(rules, '{ retry.meshctl.io/http: 5xx, retry.meshctl.io/limit: "2" }'),
      async () => (await next()).status === 200,
    );
    for (let count = 0; count < 5; count++) assert.equal((await next()).status, 200);
    await applied(t, route(rules), async () => (await next()).status === 503);
  });

  test("a mirror sees what the service answers", async (t) => {
    const mirror = `{ type: RequestMirror, requestMirror: { backendRef: ${V2} } }`;
    const seen = async (): Promise<string[]> => {
      const [pod] = mesh.pods("shop", "web-v2");
      return (await (await fetch(`http://${pod!.status.podIP}:8080/seen`)).json()) as string[];
    };
    await applied(t, route(`[{ filters: [${mirror}], backendRefs: [${V1}] }]`), async () => {
      assert.equal((await call("/mirrored")).headers["x-app"] ?? "web-v1", "web-v1");
      return (await seen()).includes("/mirrored");
    });
  });

  test("gRPC calls are split one by one, by service and method", async (t) => {
    const grpcRoute = `
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: { name: calls, namespace: shop }
spec:
  parentRefs: [{ group: "", kind: Service, name: calls }]
  rules:
    - matches: [{ method: { service: shop.Cart, method: Add } }]
      backendRefs:
        - { name: calls-v1, port: 7070, weight: 7 }
        - { name: calls-v2, port: 7070, weight: 3 }
        - { name: calls-none, port: 7070, weight: 0 }
    - matches: [{ method: { service: shop.Stock } }]
      backendRefs: [{ name: calls-v2, port: 7070 }]
    - matches: [{ method: { service: shop.Gone } }]
      backendRefs: [{ name: calls-none, port: 7070 }]
`;
    const grpc = async (path: string, count: number) => {
      const [pod] = mesh.pods("shop", "client");
      const body = JSON.stringify({ service: "calls", path, count });
      const response = await fetch(`http://${pod!.status.podIP}:8080/grpc`, { method: "POST", body });
      return (await response.json()) as { taken: Record<string, number>; status: string };
    };
    await applied(t, grpcRoute, async () => (await grpc("/shop.Other/Get", 1)).status === "5");
    const { taken, status } = await grpc("/shop.Cart/Add", 300);
    assert.equal(status, "0");
    assert.deepEqual(Object.keys(taken).sort(), ["web-v1", "web-v2"]);
    // Six standard deviations around 210.
    assert.ok(taken["web-v1"]! > 160 && taken["web-v1"]! < 260, JSON.stringify(taken));
    assert.deepEqual((await grpc("/shop.Stock/Get", 20)).taken, { "web-v2": 20 });
    assert.deepEqual(await grpc("/shop.Gone/Get", 1), { taken: {}, status: "2" });
  });

  test("a breaker by annotation takes the endpoint that fails out of service, until the annotation goes", async (t) => {
    const accrual = "balancer.meshctl.io/failure-accrual";
    const annotations = `{ ${accrual}: consecutive, ${accrual}-consecutive-max-failures: "2", ${accrual}-consecutive-min-penalty: 1h, ${accrual}-consecutive-max-penalty: 1h }`;
    const failing = () => call("/down/web-v1", {}, "web-v1");
    assert.equal((await failing()).status, 500);
    await applied(t, service("web-v1", "app: web-v1", undefined, annotations), async () => {
      const { status, headers } = await failing();
      return status !== 500 && /ejected for failing too often/.test(headers["l5d-proxy-error"] ?? "");
    });
    assert.equal((await call("/", {}, "web-v1")).status, 503);
    await applied(
      t,
      service("web-v1", "app: web-v1"),
      async () => (await call("/", {}, "web-v1")).status === 200,
    );
  });

  test("a ServiceProfile's routes retry what they call retryable, until it goes", async (t) => {
    const profile = `
apiVersion: meshctl.io/v1alpha2
kind: ServiceProfile
metadata: { name: web-v1.shop.svc.cluster.local, namespace: shop }
spec:
  routes: [{ name: again, condition: { pathRegex: "/fail-first/.*" }, isRetryable: true }]
  retryBudget: { retryRatio: 0.2, minRetriesPerSecond: 10, ttl: 10s }
`;
    let attempt = 0;
    const next = () => call(`/fail-first/profile-${attempt++}`, {}, "web-v1");
    assert.equal((await next()).status, 503);
    await applied(t, profile, async () => (await next()).status === 200);
    assert.equal(
      echo(await call("/", {}, "web-v1")).headers["l5d-dst-canonical"],
      "web-v1.shop.svc.cluster.local:80",
    );
    await mesh.delete(profile);
    await until("the profile to be gone", async () => (await next()).status === 503, LIMIT_MS);
  });

  test("without the route the Service is as it was", async (t) => {
    await applied(
      t,
      route(`[{ backendRefs: [${V1}] }]`),
      async () => (await call("/")).headers["x-app"] === "web-v1",
    );
    await mesh.delete(route("[]"));
    const startedMs = performance.now();
    await until("the other backend", async () => (await call("/")).headers["x-app"] === "web-v2", LIMIT_MS);
    t.diagnostic(`gone after ${Math.round(performance.now() - startedMs)} ms`);
  });
});
