import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { KubeObject } from "../../../src/base/kube-object.ts";
import type { LocalCluster } from "../../../src/local/cluster.ts";
import { processesOf } from "../../../src/local/leftovers.ts";
import { PERSISTENT_VOLUME_CLAIMS, PODS, SECRETS, SERVICES } from "../../../src/local/resources.ts";
import { startCluster } from "../../support/start-cluster.ts";
import { until } from "../../support/until.ts";

describe("a local cluster that keeps its objects", () => {
  let dir: string;
  const running = new Set<LocalCluster>();

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "meshctl-saved-"));
  });
  after(async () => {
    for (const cluster of running) await cluster.stop();
    assert.deepEqual(await processesOf(dir), []);
    await rm(dir, { recursive: true, force: true });
  });

  async function start(isFresh = false): Promise<LocalCluster> {
    const cluster = await startCluster(dir, { keepsObjects: true, isFresh });
    running.add(cluster);
    return cluster;
  }
  async function stop(cluster: LocalCluster): Promise<void> {
    await cluster.stop();
    running.delete(cluster);
  }

  const create = (
    cluster: LocalCluster,
    resource: Parameters<LocalCluster["objects"]["create"]>[0],
    body: object,
  ) =>
    cluster.objects.create(resource, {
      apiVersion: resource.version,
      kind: resource.kind,
      ...body,
    } as KubeObject);
  const isReady = (cluster: LocalCluster, name: string) =>
    cluster.objects
      .get(PODS, "default", name)
      ?.status?.conditions?.some(
        (each: { type: string; status: string }) => each.type === "Ready" && each.status === "True",
      );

  test("runs its pods again, with their names, addresses of Services and what they wrote", async () => {
    const first = await start();
    const service = await create(first, SERVICES, {
      metadata: { name: "web", namespace: "default" },
      spec: { selector: { app: "w" }, ports: [{ port: 8080 }] },
    });
    await create(first, SECRETS, { metadata: { name: "s", namespace: "default" }, data: { a: "Yg==" } });
    await create(first, PERSISTENT_VOLUME_CLAIMS, {
      metadata: { name: "data", namespace: "default" },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
    });
    const code =
      "const f=process.argv[1]+'/lives';require('fs').appendFileSync(f,'x');setInterval(()=>{},1e6)";
    const pod = await create(first, PODS, {
      metadata: {
        name: "w",
        namespace: "default",
        annotations: { "dev.meshctl.io/command.app": `"$NODE" -e "${code}" /data` },
      },
      spec: {
        containers: [
          {
            name: "app",
            image: "example/app",
            env: [{ name: "NODE", value: process.execPath }],
            volumeMounts: [{ name: "data", mountPath: "/data" }],
          },
        ],
        volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }],
      },
    });
    const lives = (): Promise<string> => {
      const claim = first.objects.get(PERSISTENT_VOLUME_CLAIMS, "default", "data")!;
      return readFile(join(dir, "claims", claim.metadata.uid!, "lives"), "utf8").catch(() => "");
    };
    await until("the pod's first line", async () => isReady(first, "w") && (await lives()) === "x");
    await stop(first);
    assert.deepEqual(await processesOf(dir), []);

    const second = await start();
    const again = await until(
      "the pod to run again",
      () => isReady(second, "w") && second.objects.get(PODS, "default", "w"),
    );
    assert.equal(again!.metadata.uid, pod.metadata.uid);
    assert.equal(second.objects.get(SERVICES, "default", "web")!.spec.clusterIP, service.spec.clusterIP);
    assert.deepEqual(second.objects.get(SECRETS, "default", "s")!.data, { a: "Yg==" });
    await until("its second line", async () => (await lives()) === "xx");
    assert.ok(Number(again!.metadata.resourceVersion) > Number(pod.metadata.resourceVersion));
    await stop(second);
  });

  test("starts empty when it is to, and says so when what was saved cannot be read", async () => {
    const third = await start(true);
    assert.equal(third.objects.get(SECRETS, "default", "s"), undefined);
    await stop(third);
    await writeFile(join(dir, "objects.jsonl"), "{broken");
    await assert.rejects(start(), { code: "DEV_OBJECTS_UNREADABLE", hint: /--fresh/ });
    await stop(await start(true));
  });
});
