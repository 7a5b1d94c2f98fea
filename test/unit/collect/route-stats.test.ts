import assert from "node:assert/strict";
import { test } from "node:test";
import { collectRouteStats } from "../../../src/collect/route-stats.ts";
import { parseOneSelection } from "../../../src/collect/selector.ts";
import { buildPod, buildReply, buildService, createFakeKube, type FakeKube, httpRow } from "./fake-kube.ts";

const toOrders = {
  ip: "10.0.0.3",
  identity: "",
  labels: { pod: "orders-1", namespace: "demo", service: "orders" },
};
const nobody = { ip: "", identity: "", labels: {} };

/** web calls orders, which has just lost its only endpoint: later requests wait in vain, and then fail at once. */
function outage(target: string): FakeKube {
  const pods = [buildPod({ name: "web-1", ip: "10.0.0.1" })];
  const call = (parts: object) =>
    httpRow({ direction: "outbound", parent: "core/Service/orders", target, ...parts });
  return createFakeKube(
    {
      "/api/v1/namespaces/demo/pods": pods,
      "/api/v1/pods": pods,
      "/api/v1/services": [buildService("orders")],
      "/api/v1/namespaces/demo/services/orders": buildService("orders"),
    },
    {
      "demo/web-1": buildReply({
        http: [
          call({ route: "/default/default", peer: nobody, requests: 20, failures: 20 }),
          call({ route: "/default/http", peer: nobody, requests: 30, failures: 30 }),
          call({ route: "/default/http", peer: toOrders, requests: 50, successes: 50 }),
        ],
      }),
    },
  );
}

for (const target of ["orders.demo.svc.cluster.local:8080", "10.1.0.1:8080"]) {
  test(`requests to ${target} that reached no endpoint count as the Service's, and its defaults are one route`, async () => {
    const query = { namespace: "demo", windowMs: 60_000 };
    const orders = { selection: parseOneSelection(["svc/orders"]), namespace: "demo" };
    const web = parseOneSelection(["deploy/web"]);
    for (const sides of [
      { side: "to", selection: orders.selection },
      { side: "outbound", selection: web, to: orders },
      { side: "outbound", selection: web },
    ] as const) {
      const { rows } = await collectRouteStats(
        outage(target),
        { ...query, ...sides },
        new AbortController().signal,
      );
      assert.equal(rows.length, 1);
      assert.equal(rows[0]?.http.successRate, 0.5);
      assert.equal(rows[0]?.parentNamespace, "demo");
      assert.deepEqual(
        rows[0]?.backends.map(({ backend, http }) => [backend, http.successRate]),
        [["orders", 1]],
      );
    }
  });
}
