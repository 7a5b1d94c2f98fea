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
import { rightsOf } from "./support/rights.ts";

const DEPLOYMENTS = ["meshctl-controller", "meshctl-identity"];

claim(
  "the rights of the control plane are those that its requests need: none is refused, none is unused",
  async (t) => {
    if (!(await nodeIsHere())) return t.skip("the node is another machine: its pods do not reach this one");
    const recording = await startRecordingServer();
    try {
      await detour(recording);
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
      // A watch starts after the list that precedes it, and the event after the pod.
      const granted = new Map<string, Set<string>>();
      for (const name of DEPLOYMENTS) granted.set(name, await rightsOf("meshctl", name));
      const usedBy = (name: string) =>
        recording.used.get(`system:serviceaccount:meshctl:${name}`) ?? new Set();
      await until(
        "requests that need the rights that are granted",
        () => DEPLOYMENTS.every((name) => [...granted.get(name)!].every((right) => usedBy(name).has(right))),
        20_000,
      ).catch(() => {
        // The comparison below tells which are missing.
      });
      for (const name of DEPLOYMENTS) {
        t.diagnostic(`${name}: ${[...usedBy(name)].sort().join(", ")}`);
        assert.deepEqual([...usedBy(name)].sort(), [...granted.get(name)!].sort(), `${name}: used, granted`);
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
