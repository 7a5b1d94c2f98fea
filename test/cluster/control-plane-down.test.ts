/** The data plane works on what it knows while nobody tells it anything. */
import assert from "node:assert/strict";
import { until } from "../support/until.ts";
import { claim, createNamespace } from "./support/claims.ts";
import {
  apply,
  isMeshed,
  kubectl,
  kubectlJson,
  LIMIT_MS,
  MESH_IS_SHARED,
  pods,
  rolledOut,
} from "./support/cluster.ts";
import { answeredSince, describeFailures, loadClient, readLoad } from "./support/load.ts";
import { goServer } from "./support/objects.ts";

const OUTAGE_MS = 60_000;
const WEBHOOK = "meshctl-injector-webhook-config";
const options: { readonly skip: string | false } = { skip: MESH_IS_SHARED };

claim(
  "a minute without a control plane costs no request",
  async (t) => {
    const namespace = await createNamespace("outage", { meshed: true });
    await apply([
      ...goServer({ namespace, name: "web", replicas: 2 }),
      // New connections all the time: what a proxy remembers serves them too.
    ]);
    await rolledOut(namespace, "deploy/web");
    await apply(loadClient(namespace, "http://web:8080/", "--workers=4", "--pause=20ms", "--fresh"));
    await rolledOut(namespace, "deploy/load");
    const before = await answeredSince(namespace, await readLoad(namespace), 100);
    assert.equal(before.failures.length, 0, describeFailures(before));
    try {
      await scaleControlPlane(0);
      const gone = await readLoad(namespace);
      const report = await until(
        "a minute of the outage",
        async () => {
          const report = await readLoad(namespace);
          return report.lastAnswer - gone.now >= OUTAGE_MS && report;
        },
        2 * OUTAGE_MS,
      );
      t.diagnostic(
        `${report.answered - gone.answered} requests were answered in a minute without a control plane`,
      );
      assert.equal(report.failures.length, 0, describeFailures(report));
    } finally {
      await scaleControlPlane(1);
    }
    // What changes after it is heard of: the proxies found the new control plane.
    await kubectl(["scale", "deploy/web", "--replicas=3", "-n", namespace]);
    await rolledOut(namespace, "deploy/web");
    const names = (await pods(namespace, "app=web")).map((pod) => pod.metadata.name);
    await until(
      "answers of the new pod",
      async () => {
        const { pods } = await readLoad(namespace);
        return names.every((name) => (pods[name] ?? 0) > 0);
      },
      LIMIT_MS,
    );
    const after = await readLoad(namespace);
    assert.equal(after.failures.length, 0, describeFailures(after));
  },
  options,
);

claim(
  "without an injector pods start unmeshed when failures are ignored, and are refused when they are not",
  async () => {
    const namespace = await createNamespace("injector", { meshed: true });
    try {
      await scaleControlPlane(0);
      await setFailurePolicy("Ignore");
      await apply(goServer({ namespace, name: "ignored" }));
      await rolledOut(namespace, "deploy/ignored");
      const [pod] = await pods(namespace, "app=ignored");
      assert.ok(!isMeshed(pod!), "nobody was there to inject it");

      await setFailurePolicy("Fail");
      await apply(
        goServer({ namespace, name: "refused" }).filter((object) => !("spec" in object && isService(object))),
      );
      const message = await until(
        "the refusal of the pod",
        async () => {
          const { items } = await kubectlJson<{ items: { reason: string; message: string }[] }>([
            ...["get", "events", "-n", namespace, "--field-selector", "reason=FailedCreate"],
          ]);
          return items[0]?.message;
        },
        LIMIT_MS,
      );
      assert.match(message, /failed calling webhook "meshctl-injector\.meshctl\.io"/);
      assert.deepEqual(await pods(namespace, "app=refused"), []);
      // Elsewhere nothing depends on the mesh.
      const plain = await createNamespace("bystander", {
        meshed: false,
        labels: { "config.meshctl.io/admission-webhooks": "disabled" },
      });
      await apply(goServer({ namespace: plain, name: "web" }));
      await rolledOut(plain, "deploy/web");

      await scaleControlPlane(1);
      await kubectl(["rollout", "restart", "deploy/ignored", "deploy/refused", "-n", namespace]);
      await rolledOut(namespace, "deploy/ignored", "deploy/refused");
      for (const pod of (await pods(namespace)).filter((pod) => !pod.metadata.deletionTimestamp)) {
        assert.ok(isMeshed(pod), `${pod.metadata.name} is meshed once the injector is back`);
      }
    } finally {
      await setFailurePolicy("Ignore");
      await scaleControlPlane(1);
    }
  },
  options,
);

function isService(object: object): boolean {
  return (object as { kind: string }).kind === "Service";
}

async function scaleControlPlane(replicas: number): Promise<void> {
  const workloads = ["deploy/meshctl-controller", "deploy/meshctl-identity"];
  await kubectl(["scale", ...workloads, `--replicas=${replicas}`, "-n", "meshctl"]);
  await rolledOut("meshctl", ...workloads);
  if (replicas > 0) return;
  await kubectl(["wait", "--for=delete", "pods", "--all", "-n", "meshctl", "--timeout=120s"]);
}

async function setFailurePolicy(failurePolicy: "Ignore" | "Fail"): Promise<void> {
  const patch = JSON.stringify([{ op: "replace", path: "/webhooks/0/failurePolicy", value: failurePolicy }]);
  await kubectl(["patch", "mutatingwebhookconfiguration", WEBHOOK, "--type=json", "-p", patch]);
}
