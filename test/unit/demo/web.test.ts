import assert from "node:assert/strict";
import { test } from "node:test";
import type { HttpClient } from "../../../src/demo/roles/http-client.ts";
import { createHandler } from "../../../src/demo/roles/web.ts";

const client = (status: number, body: string): HttpClient => ({
  send: async () => ({ status, body }),
  close() {},
});
const down: HttpClient = { send: () => Promise.reject(new Error("down")), close() {} };
const kv = { send: async () => "VALUE 7", close() {} };
const get = (path: string) => ({ method: "GET", path, requestId: undefined });

test("the front page shows what each service answered, escaped", async () => {
  const reply = await createHandler(client(200, "<b>&"), client(200, "12"), kv)(get("/"));
  assert.equal(reply.status, 200);
  assert.match(String(reply.body), /catalog: &lt;b>&amp;\n<p>orders: 12\n<p>visits: VALUE 7\n/);
});

test("the front page shows what it has when services fail or are gone", async () => {
  const reply = await createHandler(client(500, "no"), down, {
    ...kv,
    send: () => Promise.reject(new Error("gone")),
  })(get("/"));
  assert.equal(reply.status, 200);
  assert.match(String(reply.body), /catalog: unavailable\n<p>orders: unavailable\n<p>visits: unavailable\n/);
});

for (const [status, passed] of [
  [200, 200],
  [404, 404],
  [500, 502],
] as const) {
  test(`a product page answers ${passed} when the catalog answers ${status}`, async () => {
    const reply = await createHandler(client(status, "x"), down, kv)(get("/products/3"));
    assert.equal(reply.status, passed);
  });
}

test("checkout is POST alone", async () => {
  const handler = createHandler(down, client(201, "ok"), kv);
  assert.equal((await handler({ method: "POST", path: "/checkout", requestId: "1" })).status, 201);
  assert.equal((await handler(get("/checkout"))).status, 404);
});
