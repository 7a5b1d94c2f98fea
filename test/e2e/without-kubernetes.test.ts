import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import https from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import tls from "node:tls";
import { generateWebhookCertificate } from "../../src/install/credentials.ts";
import { freePort } from "../support/free-port.ts";
import { BUILT_ENTRY, runProcess, startProcess } from "../support/run-process.ts";
import { until } from "../support/until.ts";

const skip = !existsSync(BUILT_ENTRY)
  ? "dist/ is missing: npm run build"
  : process.platform === "linux"
    ? false
    : "needs all of 127.0.0.0/8";

const NAMESPACE = "demo";
const IDENTITY = "serviceaccount.identity.meshctl.cluster.local";
const CONTROLLER = `meshctl-controller.meshctl.${IDENTITY}`;
const IDENTITY_SERVICE = `meshctl-identity.meshctl.${IDENTITY}`;

/** A machine of the mesh, with a proxy in front of its port 8080. */
function workload(name: string, account: string, ip: string): string {
  return `
apiVersion: workload.meshctl.io/v1beta1
kind: ExternalWorkload
metadata: { name: ${name}, namespace: ${NAMESPACE}, labels: { app: ${account} } }
spec:
  meshTLS: { identity: ${account}.${NAMESPACE}.${IDENTITY}, serverName: ${account}.${NAMESPACE}.${IDENTITY} }
  workloadIPs: [{ ip: ${ip} }]
  ports: [{ name: http, port: 8080 }]
`;
}

const SERVICE = `
apiVersion: v1
kind: Service
metadata: { name: web, namespace: ${NAMESPACE} }
spec: { selector: { app: web }, ports: [{ port: 80, targetPort: http }] }
`;

const SERVER = `
apiVersion: policy.meshctl.io/v1beta3
kind: Server
metadata: { name: web, namespace: ${NAMESPACE} }
spec: { externalWorkloadSelector: { matchLabels: { app: web } }, port: http, accessPolicy: deny }
`;

const ALLOWED = `
apiVersion: policy.meshctl.io/v1alpha1
kind: AuthorizationPolicy
metadata: { name: web-from-client, namespace: ${NAMESPACE} }
spec:
  targetRef: { group: policy.meshctl.io, kind: Server, name: web }
  requiredAuthenticationRefs: [{ kind: ServiceAccount, name: client }]
`;

const EGRESS = (trafficPolicy: string) => `
apiVersion: policy.meshctl.io/v1alpha1
kind: EgressNetwork
metadata: { name: all, namespace: ${NAMESPACE} }
spec: { trafficPolicy: ${trafficPolicy} }
`;

/** One path may leave although the rest may not. */
const ROUTE = (port: number) => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: open, namespace: ${NAMESPACE} }
spec:
  parentRefs: [{ group: policy.meshctl.io, kind: EgressNetwork, name: all, port: ${port} }]
  rules:
    - matches: [{ path: { type: PathPrefix, value: /open } }]
      backendRefs: [{ group: policy.meshctl.io, kind: EgressNetwork, name: all, port: ${port} }]
`;

const TLS_ROUTE = (port: number) => `
apiVersion: gateway.networking.k8s.io/v1alpha2
kind: TLSRoute
metadata: { name: open, namespace: ${NAMESPACE} }
spec:
  hostnames: [open.example]
  parentRefs: [{ group: policy.meshctl.io, kind: EgressNetwork, name: all, port: ${port} }]
  rules: [{ backendRefs: [{ group: policy.meshctl.io, kind: EgressNetwork, name: all, port: ${port} }] }]
`;

test("two machines are meshed from a directory of YAML: mutual TLS, a denial, a permission, and traffic out of the mesh, without Kubernetes", {
  skip,
}, async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "meshctl-mesh-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const mesh = join(directory, "mesh");
  const file = (name: string) => join(mesh, name);
  // A /24 of loopback that other runs on this machine do not use.
  const net = `127.${randomInt(64, 250)}.${randomInt(1, 250)}`;
  const [clientA, clientB, serverA, serverB] = [`${net}.11`, `${net}.12`, `${net}.21`, `${net}.22`];
  await mkdir(mesh);
  await writeFile(file("service.yaml"), SERVICE);
  await writeFile(
    file("machines.yaml"),
    `${workload("web-1", "web", serverA)}---${workload("client-1", "client", clientA)}`,
  );

  const plane = startProcess(
    process.execPath,
    [
      BUILT_ENTRY,
      "control-plane",
      `--from=${mesh}`,
      "--identity-port=0",
      "--destination-port=0",
      "--policy-port=0",
      "--admin-port=0",
      `--cluster-networks=${net}.0/24`,
    ],
    { env: { LISTEN_HOST: "127.0.0.1" } },
  );
  t.after(() => plane.child.kill("SIGKILL"));
  const port = async (server: string) => (await plane.waitFor(new RegExp(`server=${server} port=(\\d+)`)))[1];
  const [identity, destination, policy] = await Promise.all([
    port("identity"),
    port("destination"),
    port("policy"),
  ]);

  const app = http.createServer((request, response) => {
    response.end(`${request.url} for ${request.headers["l5d-client-id"] ?? "nobody"}`);
  });
  app.listen(8080, serverB);
  await once(app, "listening");
  t.after(() => app.close());

  const startProxy = async (name: string, account: string, a: string, b: string, extra: object) => {
    const { stdout } = await runProcess(process.execPath, [
      BUILT_ENTRY,
      "control-plane",
      "token",
      account,
      `-n=${NAMESPACE}`,
      `--from=${mesh}`,
    ]);
    // The two files with which a machine joins: this token, and the trust anchors.
    const token = join(directory, `${name}.token`);
    await writeFile(token, stdout, { mode: 0o600 });
    const variables: Record<string, string> = {
      LOG: "info",
      CAPTURE: "explicit",
      OWN_NETWORKS: `${a}/32,${b}/32`,
      IDENTITY_LOCAL_NAME: `${account}.${NAMESPACE}.${IDENTITY}`,
      IDENTITY_TRUST_ANCHORS_FILE: join(mesh, ".meshctl", "ca-bundle.crt"),
      IDENTITY_TOKEN_FILE: token,
      IDENTITY_SVC_ADDR: `127.0.0.1:${identity}`,
      IDENTITY_SVC_NAME: IDENTITY_SERVICE,
      DESTINATION_SVC_ADDR: `127.0.0.1:${destination}`,
      DESTINATION_SVC_NAME: CONTROLLER,
      DESTINATION_CONTEXT: JSON.stringify({ ns: NAMESPACE }),
      POLICY_SVC_ADDR: `127.0.0.1:${policy}`,
      POLICY_SVC_NAME: CONTROLLER,
      POLICY_WORKLOAD: JSON.stringify({ ns: NAMESPACE, external_workload: name }),
      INBOUND_LISTEN_ADDR: `${a}:4143`,
      INBOUND_APP_HOST: b,
      ADMIN_LISTEN_ADDR: `${a}:4191`,
      OUTBOUND_LISTEN_ADDRS: `${b}:4140`,
      OUTBOUND_SOURCE_HOST: a,
      ...extra,
    };
    const env = Object.fromEntries(
      Object.entries(variables).map(([key, value]) => [`MESHCTL_PROXY_${key}`, value]),
    );
    const proxy = startProcess(process.execPath, [BUILT_ENTRY, "proxy"], { env });
    t.after(() => proxy.child.kill("SIGKILL"));
    await proxy.waitFor(/accepting connections/);
    return proxy;
  };
  const entrance = await freePort(clientB);
  const [server] = await Promise.all([
    startProxy("web-1", "web", serverA, serverB, {
      INBOUND_LISTENERS: `${serverA}:8080=${serverB}:8080`,
      INBOUND_PORTS: "8080",
    }),
    startProxy("client-1", "client", clientA, clientB, {
      OUTBOUND_SERVICES: `${clientB}:${entrance}=web.${NAMESPACE}.svc.cluster.local:80`,
    }),
  ]);
  const ask = async () => {
    const response = await fetch(`http://${clientB}:${entrance}/hello`);
    return `${response.status} ${await response.text()}`;
  };
  const allowed = `200 /hello for client.${NAMESPACE}.${IDENTITY}`;

  assert.equal(await ask(), allowed, server.stderr());
  const took = async (what: string, change: () => Promise<unknown>, status: string) => {
    const startedMs = performance.now();
    await change();
    await until(what, async () => (await ask()).startsWith(status));
    t.diagnostic(`${what}: ${Math.round(performance.now() - startedMs)} ms after the file was written`);
  };
  await took("the denial", () => writeFile(file("server.yaml"), SERVER), "403");
  await took("the permission", () => writeFile(file("allowed.yaml"), ALLOWED), "200");
  // Half a file takes nothing away.
  await writeFile(file("allowed.yaml"), ALLOWED.slice(0, ALLOWED.indexOf("metadata") + 12));
  await plane.waitFor(/cannot be read/);
  assert.equal(await ask(), allowed);
  await took("its end", () => rm(file("allowed.yaml")), "403");
  // Nobody in plaintext gets past a denial either.
  assert.equal((await fetch(`http://${serverA}:8080/`)).status, 403);

  // Outside the cluster's networks: everything, until an EgressNetwork says otherwise.
  const outside = http.createServer((_request, response) => response.end("outside"));
  outside.listen(0, `127.${randomInt(64, 250)}.250.1`);
  await once(outside, "listening");
  t.after(() => outside.close());
  const { address, port: outsidePort } = outside.address() as AddressInfo;
  const askOutside = async (path: string): Promise<string> => {
    const request = http.request({
      host: clientB,
      port: 4140,
      path: `http://${address}:${outsidePort}${path}`,
    });
    request.end();
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    let text = "";
    for await (const chunk of response) text += chunk;
    return `${response.statusCode} ${text}`;
  };
  const becomes = (what: string, path: string, status: string) =>
    until(what, async () => (await askOutside(path)).startsWith(status));
  assert.equal(await askOutside("/"), "200 outside");
  await writeFile(file("egress.yaml"), EGRESS("Deny"));
  await becomes("the denial of egress", "/", "403");
  await writeFile(file("route.yaml"), ROUTE(outsidePort));
  await becomes("the route out", "/open", "200");
  assert.match(await askOutside("/"), /^403 /);

  // The same for TLS, which is told apart by the server's name.
  const pair = await generateWebhookCertificate("open.example", Date.now());
  const outsideTls = https.createServer(
    { cert: pair.certificatePem, key: pair.privateKeyPem },
    (_request, response) => response.end("outside"),
  );
  outsideTls.listen(0, address);
  await once(outsideTls, "listening");
  t.after(() => outsideTls.close());
  const tlsPort = (outsideTls.address() as AddressInfo).port;
  /** Through the tunnel of the proxy's port. */
  const askTls = async (servername: string): Promise<string> => {
    const request = http.request({
      host: clientB,
      port: 4140,
      method: "CONNECT",
      path: `${address}:${tlsPort}`,
    });
    request.end();
    const [response, socket] = (await once(request, "connect")) as [http.IncomingMessage, Socket];
    if (response.statusCode !== 200) return `refused with ${response.statusCode}`;
    const secure = tls.connect({
      socket,
      servername,
      ca: pair.certificatePem,
      checkServerIdentity: () => undefined,
    });
    return new Promise((resolve) => {
      secure.once("secureConnect", () => {
        secure.destroy();
        resolve("connected");
      });
      secure.once("error", () => resolve("cut"));
      secure.once("close", () => resolve("cut"));
    });
  };
  assert.equal(await askTls("open.example"), "cut");
  await writeFile(file("tls-route.yaml"), TLS_ROUTE(tlsPort));
  await until("the TLS route out", async () => (await askTls("open.example")) === "connected");
  assert.equal(await askTls("other.example"), "cut");

  await writeFile(file("egress.yaml"), EGRESS("Allow"));
  await becomes("the permission of egress", "/", "200");
  assert.equal(await askTls("other.example"), "connected");

  plane.child.kill("SIGTERM");
  assert.equal((await plane.done).exitCode, 0);
});
