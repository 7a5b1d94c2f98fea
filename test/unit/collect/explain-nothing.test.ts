import assert from "node:assert/strict";
import { test } from "node:test";
import { explainNothing } from "../../../src/collect/explain-nothing.ts";
import { buildPod, buildReplicaSet, createFakeKube, kubeError } from "./fake-kube.ts";

const DEMO = { apiVersion: "v1", kind: "Namespace", metadata: { name: "demo" } };

test("a namespace that does not exist is the reason why nothing is found", async () => {
  const why = await explainNothing(createFakeKube({}, {}), { namespace: "nope" });
  assert.match(why!, /^namespace nope does not exist/);
});

test("an empty namespace says how to name another one", async () => {
  const kube = createFakeKube({ "/api/v1/namespaces/demo": DEMO, "/api/v1/namespaces/demo/pods": [] }, {});
  assert.match(
    (await explainNothing(kube, { namespace: "demo" }))!,
    /^no pods run in namespace demo: -n .* -A /,
  );
});

test("pods without proxies are the reason why nothing is found", async () => {
  const pods = [buildPod({ name: "a", meshed: false }), buildPod({ name: "b", meshed: false })];
  const kube = createFakeKube(
    {
      "/api/v1/namespaces/demo": DEMO,
      "/api/v1/namespaces/demo/pods": pods,
      "/apis/apps/v1/namespaces/demo/replicasets": [buildReplicaSet("a"), buildReplicaSet("b")],
    },
    {},
  );
  assert.match(
    (await explainNothing(kube, { namespace: "demo" }))!,
    /^2 pods run in namespace demo and none of them is meshed: meshctl inject/,
  );
});

test("meshed pods that are quiet have no reason to tell, unless labels were asked for", async () => {
  const kube = createFakeKube({ "/api/v1/pods": [buildPod({ name: "a" })] }, {});
  assert.equal(await explainNothing(kube, { namespace: undefined }), undefined);
  assert.match(
    (await explainNothing(kube, { namespace: undefined, labelSelector: "app=x" }))!,
    /nothing has the labels app=x$/,
  );
});

test("what the user may not read is no reason and no error", async () => {
  const kube = createFakeKube({}, {});
  kube.request = () => Promise.reject(kubeError("KUBE_FORBIDDEN", "no"));
  assert.equal(await explainNothing(kube, { namespace: "demo" }), undefined);
});
