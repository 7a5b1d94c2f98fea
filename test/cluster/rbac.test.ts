/** The control plane may do what it does, and nothing else. The API server tells what it did since the mesh was installed. */
import assert from "node:assert/strict";
import { until } from "../support/until.ts";
import { NO_AUDIT_LOG, readAudit } from "./support/audit-log.ts";
import { claim, createNamespace } from "./support/claims.ts";
import { apply, isMeshed, kubectl, LIMIT_MS, MESH_IS_SHARED, pods, rolledOut } from "./support/cluster.ts";
import { goServer, job } from "./support/objects.ts";
import { rightsOf, rightsOfAnybody } from "./support/rights.ts";

const ACCOUNTS = ["meshctl-controller", "meshctl-identity"];

claim(
  "the rights of the control plane are those that its requests need: none is refused, none is unused",
  async (t) => {
    // The holder's Lease must be made anew, for the right to create one to be used.
    await kubectl(["delete", "lease", "meshctl-policy-status", "-n", "meshctl", "--ignore-not-found"]);
    const namespace = await createNamespace("rights", { meshed: true });
    await apply([...goServer({ namespace, name: "web" })]);
    await apply(job({ namespace, name: "once", command: ["sh", "-c", "exit 0"] }));
    await rolledOut(namespace, "deploy/web");
    await kubectl([
      "wait",
      "--for=condition=Complete",
      "job/once",
      "-n",
      namespace,
      `--timeout=${LIMIT_MS / 1000}s`,
    ]);
    for (const pod of await pods(namespace)) assert.ok(isMeshed(pod), pod.metadata.name);
    const undefinedKinds = await applyWithStatus(namespace, "web");
    t.diagnostic(`kinds that this cluster does not define: ${undefinedKinds.join(", ") || "none"}`);
    const anybody = await rightsOfAnybody("meshctl");
    const isOfUndefinedKind = (right: string) =>
      undefinedKinds.includes(right.split(" ")[1]!.split("/").slice(0, 2).join("/"));
    const rights = new Map<string, Set<string>>();
    for (const name of ACCOUNTS) rights.set(name, await rightsOf("meshctl", name));
    let audit = await readAudit();
    const usedBy = (name: string) => audit.used.get(`system:serviceaccount:meshctl:${name}`) ?? new Set();
    // Kinds that are not defined now may have been when another file ran.
    const needed = (name: string) =>
      [...rights.get(name)!].filter((right) => usedBy(name).has(right) || !isOfUndefinedKind(right));
    // A watch starts after the list that precedes it, and the event after the pod.
    await until(
      "requests that need the rights that are granted",
      async () => {
        audit = await readAudit();
        return ACCOUNTS.every((name) => needed(name).every((right) => usedBy(name).has(right)));
      },
      LIMIT_MS,
    ).catch(() => {
      // The comparison below tells which are missing.
    });
    for (const name of ACCOUNTS) {
      t.diagnostic(`${name}: ${[...usedBy(name)].sort().join(", ")}`);
      const own = [...usedBy(name)].filter((right) => !anybody.has(right));
      assert.deepEqual(own.sort(), needed(name).sort(), `${name}: used, granted`);
    }
    assert.deepEqual(audit.forbidden, []);
  },
  { skip: MESH_IS_SHARED || NO_AUDIT_LOG },
);

/**
 * Applies one object of each kind whose status the controller writes.
 *
 * @returns `group/plural` of the kinds that the cluster does not define
 */
async function applyWithStatus(namespace: string, service: string): Promise<string[]> {
  const { stdout } = await kubectl(["get", "crd", "-o", "jsonpath={.items[*].metadata.name}"]);
  const defined = new Set(stdout.split(" "));
  const parentRefs = [{ group: "core", kind: "Service", name: service, port: 8080 }];
  const backendRefs = [{ name: service, port: 8080 }];
  const gateway = "gateway.networking.k8s.io";
  const policy = "policy.meshctl.io";
  const target = { group: policy, kind: "Server", name: service };
  const objects: readonly [group: string, plural: string, version: string, kind: string, spec: object][] = [
    [
      policy,
      "servers",
      "v1beta3",
      "Server",
      { podSelector: { matchLabels: { app: service } }, port: 8080, accessPolicy: "all-unauthenticated" },
    ],
    [
      policy,
      "httplocalratelimitpolicies",
      "v1alpha1",
      "HTTPLocalRateLimitPolicy",
      { targetRef: target, total: { requestsPerSecond: 1000 } },
    ],
    [policy, "egressnetworks", "v1alpha1", "EgressNetwork", { trafficPolicy: "Allow" }],
    [policy, "httproutes", "v1beta3", "HTTPRoute", { parentRefs, rules: [{ backendRefs }] }],
    [gateway, "httproutes", "v1", "HTTPRoute", { parentRefs, rules: [{ backendRefs }] }],
    [gateway, "grpcroutes", "v1", "GRPCRoute", { parentRefs, rules: [{ backendRefs }] }],
    [
      gateway,
      "tlsroutes",
      "v1",
      "TLSRoute",
      { parentRefs, hostnames: ["rights.example"], rules: [{ backendRefs }] },
    ],
    [gateway, "tcproutes", "v1", "TCPRoute", { parentRefs, rules: [{ backendRefs }] }],
  ];
  const isDefined = ([group, plural]: (typeof objects)[number]) => defined.has(`${plural}.${group}`);
  await apply(
    objects.filter(isDefined).map(([group, , version, kind, spec]) => ({
      apiVersion: `${group}/${version}`,
      kind,
      metadata: { name: service, namespace },
      spec,
    })),
  );
  return objects.filter((object) => !isDefined(object)).map(([group, plural]) => `${group}/${plural}`);
}
