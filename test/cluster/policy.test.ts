/** Policies on a real API server, with real redirects: who is let in, what the kubelet still reaches, what is refused when applied. */
import assert from "node:assert/strict";
import { before } from "node:test";
import { until } from "../support/until.ts";
import { claim, createNamespace } from "./support/claims.ts";
import { apply, execIn, kubectl, LIMIT_MS, NO_CLUSTER, rolledOut } from "./support/cluster.ts";
import { deployment, goServer, IDLE } from "./support/objects.ts";
import { reached } from "./support/reached.ts";

const GROUP = "policy.meshctl.io";
let namespace: string;
let others: string;
let outside: string;

before(
  async () => {
    if (NO_CLUSTER) return;
    namespace = await createNamespace("policy", { meshed: true });
    others = await createNamespace("policy-others", { meshed: true });
    outside = await createNamespace("policy-outside", { meshed: false });
    await apply([
      ...goServer({ namespace, name: "web" }),
      ...deployment({ namespace, name: "client", command: IDLE }),
      ...deployment({ namespace: others, name: "client", command: IDLE }),
      ...deployment({ namespace: outside, name: "client", command: IDLE }),
    ]);
    await rolledOut(namespace, "deploy/web", "deploy/client");
    for (const each of [others, outside]) await rolledOut(each, "deploy/client");
    await reached(outside, "deploy/client", `web.${namespace}:8080`);
  },
  { timeout: 2 * LIMIT_MS },
);

const policy = (kind: string, name: string, spec: object, version = "v1alpha1") => ({
  apiVersion: `${GROUP}/${version}`,
  kind,
  metadata: { namespace, name },
  spec,
});
const server = (rest: object = {}) =>
  policy("Server", "web", { podSelector: { matchLabels: { app: "web" } }, port: 8080, ...rest }, "v1beta3");

/** The status that a client in a namespace gets. */
async function statusFrom(where: string): Promise<string> {
  const url = `http://web.${namespace}.svc.cluster.local:8080/`;
  const command = ["curl", "-s", "-o", "/dev/null", "--max-time", "5", "-w", "%{http_code}", url];
  const { stdout } = await execIn(where, "deploy/client", [
    "sh",
    "-c",
    `${command.map((word) => `'${word}'`).join(" ")} || true`,
  ]);
  return stdout.trim();
}
const gets = (where: string, status: string) =>
  until(`${status} in ${where}`, async () => (await statusFrom(where)) === status, LIMIT_MS);

claim(
  "a Server denies clients with and without a proxy, and the kubelet's probes still make new pods ready",
  async () => {
    for (const where of [namespace, others, outside]) assert.equal(await statusFrom(where), "200");
    await apply([server()]);
    for (const where of [namespace, others, outside]) await gets(where, "403");
    await kubectl(["rollout", "restart", "deploy/web", "-n", namespace]);
    await rolledOut(namespace, "deploy/web");
    assert.equal(await statusFrom(namespace), "403");
  },
);

claim("one namespace's identities are let in, then a network as well", async () => {
  const targetRef = { group: GROUP, kind: "Server", name: "web" };
  await apply([
    policy("MeshTLSAuthentication", "own", { identityRefs: [{ kind: "Namespace", name: namespace }] }),
    policy("AuthorizationPolicy", "own", {
      targetRef,
      requiredAuthenticationRefs: [{ group: GROUP, kind: "MeshTLSAuthentication", name: "own" }],
    }),
  ]);
  await gets(namespace, "200");
  assert.equal(await statusFrom(others), "403");
  const { stdout: ip } = await kubectl([
    ...["get", "pod", "-n", outside, "-l", "app=client", "-o", "jsonpath={.items[0].status.podIP}"],
  ]);
  await apply([
    policy("NetworkAuthentication", "one", { networks: [{ cidr: ip }] }),
    policy("AuthorizationPolicy", "one", {
      targetRef,
      requiredAuthenticationRefs: [{ group: GROUP, kind: "NetworkAuthentication", name: "one" }],
    }),
  ]);
  await gets(outside, "200");
  assert.equal(await statusFrom(others), "403");
});

claim("kubectl refuses a policy with a mistake, and says what would be right", async () => {
  await assert.rejects(
    apply([server({ proxyProtocol: "HTTP/3" })]),
    /meshctl-policy-validator\.meshctl\.io.*spec\.proxyProtocol: \\?"HTTP\/3\\?" is unknown: write one of unknown, HTTP\/1/s,
  );
});

claim("without its Server the port is open as before", async () => {
  await kubectl(["delete", "servers.policy.meshctl.io", "web", "-n", namespace]);
  await gets(others, "200");
});
