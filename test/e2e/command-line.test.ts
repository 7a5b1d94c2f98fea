/**
 * Commands that look into an installed mesh, and that change it, against real proxies and a real control plane in a local cluster.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { registry } from "../../commands/registry.ts";
import { runLine } from "../support/cli.ts";
import { type LocalMesh, startLocalMesh } from "../support/local-mesh.ts";
import { BUILT_ENTRY, ROOT } from "../support/run-process.ts";

const NOT_BUILT = existsSync(BUILT_ENTRY) ? false : "dist/ is missing: npm run build";
const APPLICATION = fileURLToPath(new URL("../support/apps/routed.ts", import.meta.url));

const SHOP = `
apiVersion: v1
kind: Namespace
metadata: { name: shop, annotations: { meshctl.io/inject: enabled } }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { selector: { app: web }, ports: [{ name: http, port: 80, targetPort: http }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: shop }
spec:
  replicas: 1
  selector: { matchLabels: { app: web } }
  template:
    metadata:
      labels: { app: web }
      annotations: { dev.meshctl.io/command.app: '"${process.execPath}" "${APPLICATION}"' }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: app
          image: example/routed
          env: [{ name: APP, value: web }]
          ports: [{ name: http, containerPort: 8080 }, { name: grpc, containerPort: 7070 }]
          readinessProbe: { httpGet: { path: /ready, port: http }, periodSeconds: 1 }
---
apiVersion: policy.meshctl.io/v1beta3
kind: Server
metadata: { name: web-http, namespace: shop }
spec: { podSelector: { matchLabels: { app: web } }, port: http, proxyProtocol: HTTP/1 }
---
apiVersion: policy.meshctl.io/v1alpha1
kind: AuthorizationPolicy
metadata: { name: everybody, namespace: shop }
spec:
  targetRef: { group: policy.meshctl.io, kind: Server, name: web-http }
  requiredAuthenticationRefs: []
`;

describe("the command line of an installed mesh", { skip: NOT_BUILT }, () => {
  let mesh: LocalMesh;
  let pod: string;
  let podIp: string;
  before(async () => {
    mesh = await startLocalMesh();
    await mesh.apply(SHOP);
    await mesh.available("shop");
    const found = mesh.pods("shop", "web")[0]!;
    pod = found.metadata.name!;
    podIp = found.status.podIP;
  });
  after(() => mesh?.stop());

  /** Runs a line that succeeds. */
  async function line(text: string, expectExit = 0) {
    const env = { KUBECONFIG: mesh.cluster.kubeconfigPath };
    const result = await runLine(registry, text.split(" "), { env, cwd: ROOT });
    assert.equal(result.exitCode, expectExit, `meshctl ${text}\n${result.stdout}${result.stderr}`);
    return result;
  }

  test("diagnostics endpoints tells where clients go, with identity", async () => {
    const { stdout } = await line("diagnostics endpoints web.shop.svc.cluster.local:80 -o json");
    const [row] = JSON.parse(stdout);
    assert.deepEqual(
      [row.namespace, row.ip, row.port, row.pod, row.service],
      ["shop", podIp, 8080, pod, "web.shop"],
    );
    assert.match(row.identity, /^default\.shop\.serviceaccount\.identity\.meshctl\./);
    const { stderr } = await line("diagnostics endpoints nope.shop.svc.cluster.local:80", 1);
    assert.match(stderr, /Service shop\/nope does not exist \(NOT_FOUND\)/);
  });

  test("diagnostics policy tells a pod's port and how a Service is reached", async () => {
    const inbound = JSON.parse((await line(`diagnostics policy po/${pod} 8080 -n shop -o json`)).stdout);
    assert.match(JSON.stringify(inbound), /"name":"everybody"/);
    const outbound = (await line("diagnostics policy svc/web 80 -n shop")).stdout;
    assert.match(outbound, /name: web\n/);
  });

  test("diagnostics profile tells of an address what a client's proxy is told", async () => {
    const profile = JSON.parse((await line(`diagnostics profile ${podIp}:8080`)).stdout);
    assert.deepEqual(profile.endpoint.addr, { ip: podIp, port: 8080 });
  });

  test("diagnostics metrics come from every proxy, and from every container of the control plane", async () => {
    const { stdout } = await line("diagnostics proxy-metrics deploy/web -n shop");
    assert.match(stdout, new RegExp(`^#\\n# POD ${pod} \\(1 of 1\\)\\n#\\n[\\s\\S]*^proxy_build_info`, "m"));
    const plane = (await line("diagnostics controller-metrics")).stdout;
    assert.deepEqual(
      [...plane.matchAll(/^# CONTAINER (\w+) $/gm)].map(([, name]) => name),
      ["controller", "identity"],
    );
    assert.doesNotMatch(plane, /# ERROR/);
  });

  test("identity shows the certificate that the proxy presents", async () => {
    const { stdout } = await line(`identity ${pod} -n shop`);
    assert.match(stdout, /DNS:default\.shop\.serviceaccount\.identity\.meshctl\.cluster\.local/);
    assert.match(stdout, /Issuer: CN=identity\.meshctl\.cluster\.local/);
  });

  test("authz, list and completion name what is there", async () => {
    assert.match((await line("authz deploy/web -n shop")).stdout, /^\* +web-http +everybody$/m);
    assert.match((await line("list -n shop")).stdout, new RegExp(`\\* shop/${pod}`));
    assert.equal((await line("__complete stat -n shop deploy ")).stdout, "web\n");
  });

  test("check finds the mesh healthy, proxies included", async () => {
    const { stdout } = await line("check --proxy -n shop --wait 1m -o json");
    const { success, categories } = JSON.parse(stdout);
    assert.equal(success, true);
    const names = categories.map(({ categoryName }: { categoryName: string }) => categoryName);
    assert.ok(names.includes("meshctl-data-plane"), names.join());
  });

  test("upgrade changes a value, keeps the identity, and leaves nothing to prune", async () => {
    const read = async (kind: string, name: string) =>
      (await mesh.kube.request("GET", `/api/v1/namespaces/meshctl/${kind}/${name}`)).data;
    const issuer = await read("secrets", "meshctl-identity-issuer");
    const { stdout } = await line("upgrade --set proxy.logLevel=debug");
    await mesh.apply(stdout);
    assert.match((await read("configmaps", "meshctl-config")).values, /logLevel: debug/);
    assert.deepEqual(await read("secrets", "meshctl-identity-issuer"), issuer);
    // What was chosen stays, without being said again.
    assert.match((await line("upgrade --skip-crds")).stdout, /logLevel: debug/);
    assert.equal((await line("prune")).stdout, "");
  });

  test("high availability comes with an upgrade, and its leftovers are pruned without it", async () => {
    await mesh.apply((await line("upgrade --skip-crds --ha --controller-replicas 1")).stdout);
    assert.match((await line("install --skip-crds", 1)).stderr, /has an installation already/);
    await mesh.apply((await line("upgrade --skip-crds --set highAvailability=false")).stdout);
    const { stdout } = await line("prune -o json");
    const leftovers = stdout
      .trim()
      .split("\n")
      .map((one) => JSON.parse(one));
    assert.deepEqual(
      leftovers.map(({ kind, metadata }) => `${kind}/${metadata.name}`),
      ["PodDisruptionBudget/meshctl-controller", "PodDisruptionBudget/meshctl-identity"],
    );
  });

  test("uninstall refuses while pods are meshed", async () => {
    assert.match((await line("uninstall", 1)).stderr, new RegExp(`\\* shop/${pod}`));
  });
});
