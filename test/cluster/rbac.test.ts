/** The control plane may do what it does, and nothing else. */
import assert from "node:assert/strict";
import { until } from "../support/until.ts";
import { claim, createNamespace } from "./support/claims.ts";
import {
  apply,
  isMeshed,
  kubectl,
  LIMIT_MS,
  MESH_IS_SHARED,
  nodeIsHere,
  pods,
  rolledOut,
} from "./support/cluster.ts";
import { goServer, job } from "./support/objects.ts";
import { startRecordingServer } from "./support/recording-server.ts";
import { rightsOf, rightsOfAnybody } from "./support/rights.ts";

/** Granted for moments that no test can bring about. */
const RARE = new Set([
  // A pod is admitted before the watch has told of its namespace.
  "get /namespaces",
]);
const DEPLOYMENTS = ["meshctl-controller", "meshctl-identity"];

claim(
  "the rights of the control plane are those that its requests need: none is refused, none is unused",
  async (t) => {
    if (!(await nodeIsHere())) return t.skip("the node is another machine: its pods do not reach this one");
    const recording = await startRecordingServer();
    try {
      await detour(recording);
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
      // A watch starts after the list that precedes it, and the event after the pod.
      const usedBy = (name: string) =>
        recording.used.get(`system:serviceaccount:meshctl:${name}`) ?? new Set();
      const anybody = await rightsOfAnybody("meshctl");
      const granted = new Map<string, Set<string>>();
      for (const name of DEPLOYMENTS) {
        const rights = await rightsOf("meshctl", name);
        for (const right of rights) {
          if (RARE.has(right) && !usedBy(name).has(right)) rights.delete(right);
          if (undefinedKinds.some((kind) => right.split(" ")[1]!.split("/").slice(0, 2).join("/") === kind)) {
            rights.delete(right);
          }
        }
        granted.set(name, rights);
      }
      await until(
        "requests that need the rights that are granted",
        () => DEPLOYMENTS.every((name) => [...granted.get(name)!].every((right) => usedBy(name).has(right))),
        60_000,
      ).catch(() => {
        // The comparison below tells which are missing.
      });
      for (const name of DEPLOYMENTS) {
        t.diagnostic(`${name}: ${[...usedBy(name)].sort().join(", ")}`);
        const own = [...usedBy(name)].filter((right) => !anybody.has(right));
        assert.deepEqual(own.sort(), [...granted.get(name)!].sort(), `${name}: used, granted`);
      }
      assert.deepEqual(recording.forbidden, []);
    } finally {
      for (const name of DEPLOYMENTS) await kubectl(["rollout", "undo", `deploy/${name}`, "-n", "meshctl"]);
      await rolledOut("meshctl", ...DEPLOYMENTS.map((name) => `deploy/${name}`));
      await recording.close();
      await kubectl(["delete", "configmap", "recording-ca", "-n", "meshctl", "--ignore-not-found"]);
    }
  },
  { skip: MESH_IS_SHARED },
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

/** Leads the control plane's requests through the recording, by what every in-cluster client goes by. */
async function detour(recording: { host: string; port: number; certificate: string }): Promise<void> {
  await apply([
    {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "recording-ca", namespace: "meshctl" },
      data: { "ca.crt": recording.certificate },
    },
  ]);
  for (const name of DEPLOYMENTS) {
    const patch = {
      spec: {
        template: {
          spec: {
            containers: [
              {
                name: name.replace("meshctl-", ""),
                env: [
                  { name: "KUBERNETES_SERVICE_HOST", value: recording.host },
                  { name: "KUBERNETES_SERVICE_PORT", value: String(recording.port) },
                ],
              },
            ],
            volumes: [
              {
                name: "kube-api-access",
                projected: {
                  sources: [
                    { serviceAccountToken: { expirationSeconds: 3607, path: "token" } },
                    { configMap: { name: "recording-ca", items: [{ key: "ca.crt", path: "ca.crt" }] } },
                    {
                      downwardAPI: {
                        items: [{ path: "namespace", fieldRef: { fieldPath: "metadata.namespace" } }],
                      },
                    },
                  ],
                },
              },
            ],
          },
        },
      },
    };
    await kubectl([
      "patch",
      `deploy/${name}`,
      "-n",
      "meshctl",
      "--type=strategic",
      "-p",
      JSON.stringify(patch),
    ]);
  }
  await rolledOut("meshctl", ...DEPLOYMENTS.map((name) => `deploy/${name}`));
}
