import assert from "node:assert/strict";
import { test } from "node:test";
import { rememberGets } from "../../../src/check/remember.ts";
import { ObjectCluster } from "../../support/object-cluster.ts";

test("the same question is asked once, until it is forgotten; changes are never remembered", async () => {
  const cluster = new ObjectCluster([]);
  cluster.posts.set("/reviews", () => ({}));
  const { client, forget } = rememberGets(cluster.client());
  for (const labelSelector of ["a=1", "a=1", "a=2"]) {
    await client.request("GET", "/api/v1/pods", { query: { labelSelector } });
  }
  assert.equal(cluster.requests, 2);
  forget();
  await client.request("GET", "/api/v1/pods", { query: { labelSelector: "a=1" } });
  assert.equal(cluster.requests, 3);
  await client.request("POST", "/reviews", { body: {} });
  await client.request("POST", "/reviews", { body: {} });
  assert.equal(cluster.requests, 5);
});

test("a question that failed is asked again after it is forgotten", async () => {
  const cluster = new ObjectCluster([]);
  const { client, forget } = rememberGets(cluster.client());
  const path = "/api/v1/namespaces/demo";
  await assert.rejects(client.request("GET", path), { code: "KUBE_NOT_FOUND" });
  cluster.objects = [{ apiVersion: "v1", kind: "Namespace", metadata: { name: "demo" } }];
  forget();
  assert.equal((await client.request("GET", path)).metadata.name, "demo");
});
