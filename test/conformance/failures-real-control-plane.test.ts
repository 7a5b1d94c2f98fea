/** The whole control plane of an installed mesh is killed under load, twice: what workloads see, and whether it governs them afterwards. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { PODS } from "../../src/local/resources.ts";
import { processesWith } from "../support/leftovers.ts";
import { type LocalMesh, startLocalMesh } from "../support/local-mesh.ts";
import { BUILT_ENTRY } from "../support/run-process.ts";
import { until } from "../support/until.ts";

const APPLICATION = fileURLToPath(new URL("../support/apps/caller.ts", import.meta.url));
const LIMIT_MS = 120_000;

const deployment = (name: string) => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name}, namespace: shop }
spec:
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata:
      labels: { app: ${name} }
      annotations: { dev.meshctl.io/command.app: '"${process.execPath}" "${APPLICATION}"' }
    spec:
      containers:
        - name: app
          image: example/caller
          ports: [{ name: http, containerPort: 8080 }]
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
---${deployment("web")}---${deployment("client")}`;
/** Selects the port and lets nobody in. */
const DENY = `
apiVersion: policy.meshctl.io/v1beta3
kind: Server
metadata: { name: web, namespace: shop }
spec: { podSelector: { matchLabels: { app: web } }, port: http }
`;

const skip =
  process.platform !== "linux"
    ? "needs all of 127.0.0.0/8"
    : !existsSync(BUILT_ENTRY) && "dist/ is missing: npm run build";

describe("the control plane of an installed mesh is killed", { skip }, () => {
  let mesh: LocalMesh;

  before(async () => {
    mesh = await startLocalMesh();
    await mesh.apply(APPLICATIONS);
    await mesh.available("shop");
  });
  after(() => mesh?.stop());

  const call = async (): Promise<number> => {
    const client = mesh.pods("shop", "client").at(-1)!;
    const body = JSON.stringify({ service: "web", path: "/" });
    const answer = await fetch(`http://${client.status.podIP}:8080/call`, { method: "POST", body });
    return ((await answer.json()) as { status: number }).status;
  };
  const restarts = () =>
    mesh.cluster.objects
      .list(PODS, "meshctl")
      .flatMap(({ status }) => (status.containerStatuses ?? []) as { restartCount: number }[])
      .reduce((sum, { restartCount }) => sum + restartCount, 0);

  /** Kills a process of each pod, once each has one: a Deployment may still count as available when its process has just gone. */
  const kill = async (): Promise<number> => {
    const pods = mesh.cluster.objects.list(PODS, "meshctl");
    const lines = await until("each pod to have a process", async () => {
      const found = await Promise.all(pods.map(({ metadata }) => processesWith(`HOSTNAME=${metadata.name}`)));
      return found.every((each) => each && each.length > 0) && found.flatMap((each) => each!);
    });
    for (const line of lines) process.kill(Number.parseInt(line, 10), "SIGKILL");
    return lines.length;
  };

  test("no request fails while it is away; afterwards policies bind that were made since, without anybody's restart", async (t) => {
    assert.equal(await call(), 200);
    const statuses = new Map<number, number>();
    let isOver = false;
    t.after(() => {
      isOver = true;
    });
    const clients = Array.from({ length: 4 }, async () => {
      while (!isOver) {
        const status = await call();
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
    });
    for (let round = 0; round < 2; round++) {
      const before = restarts();
      const killed = await kill();
      assert.ok(killed >= 2, "identity and controller");
      await until("it to be started again", () => restarts() >= before + killed, LIMIT_MS);
      await mesh.available("meshctl");
    }
    isOver = true;
    await Promise.all(clients);
    t.diagnostic(`clients saw ${JSON.stringify(Object.fromEntries(statuses))}`);
    assert.deepEqual([...statuses.keys()], [200]);
    await mesh.apply(DENY);
    await until("the new policy to bind", async () => (await call()) === 403, LIMIT_MS);
    await mesh.delete(DENY);
    await until("the old one to bind again", async () => (await call()) === 200, LIMIT_MS);
    for (const app of ["web", "client"]) {
      const [pod] = mesh.pods("shop", app);
      const counts = (pod!.status.containerStatuses as { restartCount: number }[]).map(
        ({ restartCount }) => restartCount,
      );
      assert.ok(
        counts.every((count) => count === 0),
        "workloads were left alone",
      );
    }
  });
});
