/**
 * Policies of an installed mesh, as `kubectl apply` brings them: real proxies of real pods in a local cluster. Each part prints how
 * long its policy took from the moment when it was asked for to the first request that it decided.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { KubeObject } from "../../src/base/kube-object.ts";
import { getOverDuplex, readLines } from "../../src/collect/http-over-duplex.ts";
import { PODS } from "../../src/local/resources.ts";
import type { Exchange } from "../../src/observe/exchange.ts";
import { type LocalMesh, startLocalMesh } from "../support/local-mesh.ts";
import { BUILT_ENTRY } from "../support/run-process.ts";
import { until } from "../support/until.ts";

const NOT_BUILT = existsSync(BUILT_ENTRY) ? false : "dist/ is missing: npm run build";
const APPLICATION = fileURLToPath(new URL("../support/apps/caller.ts", import.meta.url));
/** A hang ends as a failure; none of these says how fast anything has to be. */
const LIMIT_MS = 120_000;

const deployment = (name: string) => `
apiVersion: v1
kind: ServiceAccount
metadata: { name: ${name}, namespace: shop }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, namespace: shop }
spec:
  replicas: 1
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata:
      labels: { app: ${name} }
      annotations: { dev.meshctl.io/command.app: '"${process.execPath}" "${APPLICATION}"' }
    spec:
      serviceAccountName: ${name}
      terminationGracePeriodSeconds: 1
      containers:
        - name: app
          image: example/caller
          ports: [{ name: http, containerPort: 8080 }, { name: echo, containerPort: 6000 }]
          readinessProbe: { httpGet: { path: /ready, port: http }, periodSeconds: 1 }
`;
const APPLICATIONS = `
apiVersion: v1
kind: Namespace
metadata: { name: shop, annotations: { meshctl.io/inject: enabled } }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { selector: { app: web }, ports: [{ name: http, port: 80, targetPort: http }] }
---
apiVersion: v1
kind: Service
metadata: { name: echo, namespace: shop, annotations: { config.meshctl.io/opaque-ports: "6000" } }
spec: { selector: { app: web }, ports: [{ name: echo, port: 6000, targetPort: echo }] }
---${["web", "client", "other"].map(deployment).join("---")}`;

/** A policy object in the namespace; `spec` in flow style. */
const policy = (kind: string, name: string, spec: string, version = "v1alpha1") => `
apiVersion: policy.meshctl.io/${version}
kind: ${kind}
metadata: { name: ${name}, namespace: shop }
spec: ${spec}
`;
const WEB = policy("Server", "web", "{ podSelector: { matchLabels: { app: web } }, port: http }", "v1beta3");
const ECHO = policy(
  "Server",
  "echo",
  "{ podSelector: { matchLabels: { app: web } }, port: echo, proxyProtocol: opaque }",
  "v1beta3",
);
const TO_WEB = "{ group: policy.meshctl.io, kind: Server, name: web }";
const BY_CLIENT = "{ group: policy.meshctl.io, kind: MeshTLSAuthentication, name: client }";
const BY_OTHER = "{ kind: ServiceAccount, name: other }";
const BY_OFFICE = "{ group: policy.meshctl.io, kind: NetworkAuthentication, name: office }";
const CLIENT = policy(
  "MeshTLSAuthentication",
  "client",
  "{ identityRefs: [{ kind: ServiceAccount, name: client }] }",
);
const authorization = (name: string, target: string, refs: string) =>
  policy("AuthorizationPolicy", name, `{ targetRef: ${target}, requiredAuthenticationRefs: [${refs}] }`);
const ALLOW_CLIENT = authorization("client", TO_WEB, BY_CLIENT);
const httpRoute = (name: string, path: string, group = "policy.meshctl.io/v1beta3") => `
apiVersion: ${group}
kind: HTTPRoute
metadata: { name: ${name}, namespace: shop }
spec:
  parentRefs: [${TO_WEB}]
  rules: [{ matches: [{ path: { type: PathPrefix, value: ${path} } }] }]
`;
/** As small as a definition can be: the published one has 4000 lines. */
const GATEWAY_ROUTES = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: httproutes.gateway.networking.k8s.io }
spec:
  group: gateway.networking.k8s.io
  scope: Namespaced
  names: { kind: HTTPRoute, plural: httproutes, singular: httproute, listKind: HTTPRouteList }
  versions:
    - name: v1
      served: true
      storage: true
      subresources: { status: {} }
      schema: { openAPIV3Schema: { type: object, x-kubernetes-preserve-unknown-fields: true } }
`;

interface Answer {
  readonly status: number;
  readonly error?: string;
  readonly connection: number;
}

describe("policies of an installed mesh", { skip: NOT_BUILT }, () => {
  let mesh: LocalMesh;

  before(async () => {
    mesh = await startLocalMesh();
    await mesh.apply(APPLICATIONS);
    await mesh.available("shop");
  });
  after(() => mesh?.stop());

  const podOf = (app: string) => mesh.pods("shop", app).at(-1)!;
  async function tell<T>(app: string, path: string, body?: object): Promise<T> {
    const answer = await fetch(
      `http://${podOf(app).status.podIP}:8080${path}`,
      body && { method: "POST", body: JSON.stringify(body) },
    );
    return (await answer.json()) as T;
  }
  const call = (app: string, path = "/") => tell<Answer>(app, "/call", { service: "web", path });
  const say = (app: string) =>
    tell<{ heard: string; isOpen: boolean }>(app, "/say", { service: "echo", text: "hello\n" });

  /** Asks for a change, and waits until requests show it. */
  async function takesEffect<T>(
    t: TestContext,
    what: string,
    change: () => Promise<unknown>,
    isThere: () => Promise<T | undefined | false>,
  ): Promise<T> {
    const startMs = performance.now();
    await change();
    const appliedMs = performance.now();
    const value = await until(what, isThere, LIMIT_MS);
    const ms = Math.round(performance.now() - startMs);
    t.diagnostic(`${what}: ${ms} ms (${Math.round(appliedMs - startMs)} ms of them to apply)`);
    return value;
  }
  const hasStatus = (app: string, status: number, path?: string) => async () => {
    const answer = await call(app, path);
    return answer.status === status && answer;
  };

  test("a Server denies by default, on connections that are there, and the record says which and why", async (t) => {
    const before = await call("client");
    assert.equal(before.status, 200);
    const denied = await takesEffect(t, "a Server denies", () => mesh.apply(WEB), hasStatus("client", 403));
    assert.equal(denied.connection, before.connection, "the connection was replaced");
    // Its own proxy keeps the reason from the application.
    assert.equal(denied.error, undefined);
    const web = podOf("web").metadata.name!;
    const records = await recordsOf(web);
    const record = records
      .filter(({ direction, verdict }) => direction === "inbound" && verdict === "denied")
      .at(-1)!;
    assert.equal(record.status, 403);
    assert.equal(record.error, "unauthorized");
    assert.equal(record.authorization, "policy.meshctl.io/server/web");
    assert.equal(record.peerIdentity, "client.shop.serviceaccount.identity.meshctl.cluster.local");
  });

  test("a pod of a Server that denies everybody becomes ready all the same: its probes pass", async () => {
    const old = podOf("web").metadata.name!;
    await mesh.kube.request("DELETE", `/api/v1/namespaces/shop/pods/${old}`);
    const isReady = ({ status }: KubeObject) =>
      (status?.conditions ?? []).some(
        (condition: { type: string; status: string }) =>
          condition.type === "Ready" && condition.status === "True",
      );
    await until(
      "a new pod that is ready",
      () => mesh.pods("shop", "web").some((pod) => pod.metadata.name !== old && isReady(pod)),
      LIMIT_MS,
    );
    await until("the new pod denies as well", hasStatus("other", 403), LIMIT_MS);
  });

  test("an AuthorizationPolicy lets one identity in, and no other", async (t) => {
    await until("the new pod", hasStatus("client", 403), LIMIT_MS);
    await takesEffect(
      t,
      "one identity is allowed",
      () => mesh.apply(`${CLIENT}---${ALLOW_CLIENT}`),
      hasStatus("client", 200),
    );
    assert.equal((await call("other")).status, 403);
  });

  test("a NetworkAuthentication must hold as well", async (t) => {
    const office = (cidr: string) =>
      policy("NetworkAuthentication", "office", `{ networks: [{ cidr: "${cidr}" }] }`);
    const both = authorization("client", TO_WEB, `${BY_CLIENT}, ${BY_OFFICE}`);
    await takesEffect(
      t,
      "another network denies",
      () => mesh.apply(`${office("10.0.0.0/8")}---${both}`),
      hasStatus("client", 403),
    );
    await takesEffect(
      t,
      "the client's network allows",
      () => mesh.apply(office(`${podOf("client").status.podIP}/32`)),
      hasStatus("client", 200),
    );
    assert.equal((await call("other")).status, 403, "the identity still counts");
    await mesh.apply(ALLOW_CLIENT);
  });

  test("a rate limit answers 429 to what is above it", async (t) => {
    const limit = policy(
      "HTTPLocalRateLimitPolicy",
      "web",
      `{ targetRef: ${TO_WEB}, total: { requestsPerSecond: 2 } }`,
    );
    await takesEffect(t, "a rate limit limits", () => mesh.apply(limit), hasStatus("client", 429));
    await until("the next second's requests", hasStatus("client", 200), LIMIT_MS);
    await takesEffect(
      t,
      "a rate limit is gone",
      () => mesh.delete(limit),
      async () => {
        const answers = [];
        for (let count = 0; count < 20; count++) answers.push((await call("client")).status);
        return answers.every((status) => status === 200);
      },
    );
  });

  test("a route has authorizations of its own, and what no route takes is not found", async (t) => {
    const objects = [
      httpRoute("public", "/public"),
      httpRoute("admin", "/admin"),
      authorization("admins", "{ group: policy.meshctl.io, kind: HTTPRoute, name: admin }", BY_OTHER),
    ].join("---");
    await takesEffect(
      t,
      "a route's policy allows",
      () => mesh.apply(objects),
      hasStatus("other", 200, "/admin/users"),
    );
    assert.equal((await call("other", "/public")).status, 403, "the policy is the admin route's alone");
    assert.equal((await call("client", "/public")).status, 200, "the Server's policies hold on its routes");
    assert.equal((await call("client", "/elsewhere")).status, 404);
    await takesEffect(
      t,
      "routes are gone",
      () => mesh.delete(objects),
      hasStatus("client", 200, "/elsewhere"),
    );
  });

  test("routes of the Gateway API bind from the moment when the cluster knows the kind", async (t) => {
    const route = httpRoute("gateway", "/gateway", "gateway.networking.k8s.io/v1");
    const allow = authorization(
      "gateway",
      "{ group: gateway.networking.k8s.io, kind: HTTPRoute, name: gateway }",
      BY_OTHER,
    );
    await mesh.apply(GATEWAY_ROUTES);
    await until(
      "the kind is served",
      () =>
        mesh.apply(`${route}---${allow}`).then(
          () => true,
          () => false,
        ),
      LIMIT_MS,
    );
    await takesEffect(t, "a kind that came later binds", async () => {}, hasStatus("other", 200, "/gateway"));
    await takesEffect(
      t,
      "its definition is deleted",
      () => mesh.delete(GATEWAY_ROUTES),
      hasStatus("other", 403, "/gateway"),
    );
    await mesh.delete(allow);
  });

  test("a TCP connection is cut when its authorization is revoked, and a stranger's is not let through", async (t) => {
    const allow = policy(
      "ServerAuthorization",
      "echo",
      "{ server: { name: echo }, client: { meshTLS: { serviceAccounts: [{ name: client }] } } }",
      "v1beta1",
    );
    await mesh.apply(`${allow}---${ECHO}`);
    await until("a stranger is refused", async () => (await say("other")).heard === "", LIMIT_MS);
    assert.deepEqual(await say("client"), { heard: "hello\n", isOpen: true });
    await takesEffect(
      t,
      "a live TCP connection is cut",
      () => mesh.delete(allow),
      async () => !(await tell<{ isOpen: boolean }>("client", "/line")).isOpen,
    );
    assert.equal((await say("client")).heard, "");
  });

  test("a Server on the proxy's own admin port closes its metrics, and no default does", async (t) => {
    const metrics = async () => (await fetch(`http://${podOf("web").status.podIP}:4191/metrics`)).status;
    assert.equal(await metrics(), 200);
    const admin = policy(
      "Server",
      "admin",
      "{ podSelector: { matchLabels: { app: web } }, port: 4191 }",
      "v1beta3",
    );
    await takesEffect(
      t,
      "metrics are closed",
      () => mesh.apply(admin),
      async () => (await metrics()) === 403,
    );
    await mesh.delete(admin);
    await until("metrics are open", async () => (await metrics()) === 200, LIMIT_MS);
  });

  test("a Server that audits lets everybody in, and records who would not have been", async (t) => {
    const audit = WEB.replace("port: http", "port: http, accessPolicy: audit");
    await takesEffect(t, "a Server audits", () => mesh.apply(audit), hasStatus("other", 200));
    const records = await recordsOf(podOf("web").metadata.name!);
    assert.equal(records.at(-1)?.verdict, "audited");
    await until("the policy of the client still counts", hasStatus("client", 200), LIMIT_MS);
    assert.equal((await recordsOf(podOf("web").metadata.name!)).at(-1)?.verdict, "allowed");
  });

  test("a Server that is opaque keeps both proxies from looking, and denies as before", async (t) => {
    const opaque = WEB.replace("port: http", "port: http, proxyProtocol: opaque");
    await mesh.apply(opaque);
    await until(
      "an opaque connection that carries a request",
      async () => {
        const { status } = await call("client");
        const last = (await recordsOf(podOf("web").metadata.name!)).at(-1);
        return status === 200 && last?.direction === "inbound" && last.protocol === "opaque";
      },
      LIMIT_MS,
    );
    await takesEffect(
      t,
      "a stranger's connection is closed",
      async () => {},
      async () => {
        const { status } = await call("other");
        return status !== 200;
      },
    );
    await mesh.apply(WEB);
    await until("the stranger is refused as HTTP", hasStatus("other", 403), LIMIT_MS);
  });

  test("a controller that starts anew never opens what a Server closes", async (t) => {
    const statuses = new Set<number>();
    let isDone = false;
    const asking = (async () => {
      while (!isDone) statuses.add((await call("other")).status);
    })();
    const controllers = () =>
      mesh.cluster.objects
        .list(PODS, "meshctl")
        .map(({ metadata }) => metadata.name!)
        .filter((name) => name.startsWith("meshctl-controller-"));
    const [old] = controllers();
    await mesh.kube.request("DELETE", `/api/v1/namespaces/meshctl/pods/${old}`);
    await until("the old one is gone", () => !controllers().includes(old!), LIMIT_MS);
    await mesh.available("meshctl");
    await takesEffect(
      t,
      "the new controller is heard",
      () => mesh.delete(ALLOW_CLIENT),
      hasStatus("client", 403),
    );
    isDone = true;
    await asking;
    assert.deepEqual([...statuses], [403]);
  });

  test("a policy with a mistake is refused when it is applied, with the field and what would be right", async () => {
    const broken = WEB.replace("port: http", "port: http, proxyProtocol: HTTP/3").replace(
      "name: web,",
      "name: broken,",
    );
    await assert.rejects(
      mesh.apply(broken),
      /meshctl-policy-validator\.meshctl\.io.*spec\.proxyProtocol: "HTTP\/3" is unknown: write one of/s,
    );
  });

  test("an ExternalWorkload with an address that is none is refused, and a good one is not", async () => {
    const workload = (ip: string) => `
apiVersion: workload.meshctl.io/v1beta1
kind: ExternalWorkload
metadata: { name: vm, namespace: shop }
spec: { meshTLS: { identity: vm.shop, serverName: vm.shop }, workloadIPs: [{ ip: ${ip} }] }
`;
    await assert.rejects(
      mesh.apply(workload("vm-1")),
      /meshctl-policy-validator\.meshctl\.io.*spec\.workloadIPs\[0\]\.ip: "vm-1" is no IP address/s,
    );
    await mesh.apply(workload("10.9.8.7"));
  });

  test("a controller tells its state to a port-forward, and not to other processes of the laptop", async () => {
    const pod = mesh.cluster.objects
      .list(PODS, "meshctl")
      .find(({ metadata }) => metadata.name!.startsWith("meshctl-controller-"))!;
    const connection = await mesh.kube.portForward("meshctl", pod.metadata.name!, 9990);
    let text = "";
    for await (const line of readLines(await getOverDuplex(connection, "/debug/state", "the controller")))
      text += line;
    assert.ok((JSON.parse(text) as { objects: { pods: number } }).objects.pods > 0, text);
    assert.equal((await fetch(`http://${pod.status.podIP}:9990/debug/state`)).status, 403);
  });

  test("without its Server a port has the default policy again", async (t) => {
    await takesEffect(t, "the default is back", () => mesh.delete(WEB), hasStatus("other", 200));
  });

  async function recordsOf(pod: string): Promise<Exchange[]> {
    const connection = await mesh.kube.portForward("shop", pod, 4191);
    const records: Exchange[] = [];
    for await (const text of readLines(
      await getOverDuplex(connection, "/records?since=5m", `proxy of ${pod}`),
    )) {
      const line = JSON.parse(text);
      if (!("coverage" in line)) records.push(line);
    }
    return records;
  }
});
