import assert from "node:assert/strict";
import { test } from "node:test";
import { readServerVersions } from "../../../src/collect/server-versions.ts";

const globals = { meshctlNamespace: "meshctl", context: undefined, as: undefined, asGroup: [] };
const input = { env: { HOME: "/nonexistent" }, proxies: false, namespace: undefined };

test("without any cluster the server's version is unknown, and why is told", async () => {
  const { server, problem } = await readServerVersions({
    ...input,
    globals: { ...globals, kubeconfig: undefined },
  });
  assert.equal(server, null);
  assert.equal(problem?.code, "KUBE_CONFIG_MISSING");
});

test("a kubeconfig that was named must be there", async () => {
  await assert.rejects(
    readServerVersions({ ...input, globals: { ...globals, kubeconfig: "/nonexistent/kubeconfig" } }),
    { name: "MeshError" },
  );
});
