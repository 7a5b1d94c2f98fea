import assert from "node:assert/strict";
import { test } from "node:test";
import { createOwnerResolver } from "../../../../src/control/injector/owners.ts";
import type { KubeClient } from "../../../../src/kube/client.ts";

const owner = (kind: string, name: string) => ({
  apiVersion: "apps/v1",
  kind,
  name,
  uid: `${kind}/${name}`,
  controller: true,
});
const pod = (...owners: object[]) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { ownerReferences: owners as never },
});

function resolverOver(objects: Record<string, object>) {
  const asked: string[] = [];
  const client = {
    async request(_method: string, path: string) {
      asked.push(path);
      if (!objects[path]) throw new Error("not found");
      return objects[path];
    },
  } as unknown as KubeClient;
  return { resolve: createOwnerResolver(client), asked };
}

const RS = "/apis/apps/v1/namespaces/demo/replicasets/web-abc";

test("owner of a ReplicaSet's pod is the Deployment, asked for once", async () => {
  const { resolve, asked } = resolverOver({
    [RS]: { metadata: { ownerReferences: [owner("Deployment", "web")] } },
  });
  for (let count = 0; count < 3; count++) {
    assert.equal((await resolve(pod(owner("ReplicaSet", "web-abc")), "demo"))?.name, "web");
  }
  assert.deepEqual(asked, [RS]);
});

test("owner of a Job's pod is the CronJob, or the Job when it stands alone", async () => {
  const { resolve } = resolverOver({
    "/apis/batch/v1/namespaces/demo/jobs/a-1": { metadata: { ownerReferences: [owner("CronJob", "a")] } },
    "/apis/batch/v1/namespaces/demo/jobs/b": { metadata: {} },
  });
  assert.equal((await resolve(pod(owner("Job", "a-1")), "demo"))?.kind, "CronJob");
  assert.equal((await resolve(pod(owner("Job", "b")), "demo"))?.kind, "Job");
});

test("owner is the immediate one when the API server does not say more", async () => {
  const { resolve } = resolverOver({});
  assert.equal((await resolve(pod(owner("ReplicaSet", "web-abc")), "demo"))?.name, "web-abc");
});

test("owner of a StatefulSet's pod needs no question, and a bare pod has none", async () => {
  const { resolve, asked } = resolverOver({});
  assert.equal((await resolve(pod(owner("StatefulSet", "db")), "demo"))?.name, "db");
  assert.equal(await resolve(pod(), "demo"), undefined);
  assert.deepEqual(asked, []);
});
