import assert from "node:assert/strict";
import { test } from "node:test";
import { createNamespaceReader } from "../../../../src/control/injector/namespaces.ts";
import type { KubeClient } from "../../../../src/kube/client.ts";

const named = (name: string) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } });

/** An API server that has these namespaces, or none that answers. */
function createClient(names: readonly string[] | undefined) {
  const asked: string[] = [];
  const request = async (
    method: string,
    path: string,
    { query = {} }: { query?: Record<string, unknown> },
  ) => {
    asked.push(`${method} ${path} ${JSON.stringify(query)}`);
    if (!names) throw new Error("no answer");
    return { items: names.filter((name) => query.fieldSelector === `metadata.name=${name}`).map(named) };
  };
  return { client: { request } as unknown as KubeClient, asked };
}

test("a namespace that the watch knows costs no request", async () => {
  const { client, asked } = createClient(["web"]);
  const read = createNamespaceReader(client, named);
  assert.deepEqual(await read("web"), named("web"));
  assert.deepEqual(asked, []);
});

test("a namespace that has not reached the watch is asked for with the right to list", async () => {
  const { client, asked } = createClient(["other", "web"]);
  const read = createNamespaceReader(client, () => undefined);
  assert.deepEqual(await read("web"), named("web"));
  assert.deepEqual(asked, ['GET /api/v1/namespaces {"fieldSelector":"metadata.name=web"}']);
  assert.equal(await read("gone"), undefined);
});

test("an API server that does not answer leaves the namespace unknown", async () => {
  const { client } = createClient(undefined);
  assert.equal(await createNamespaceReader(client, () => undefined)("web"), undefined);
});
