/** `stat` over a namespace of forty meshed pods. */
import assert from "node:assert/strict";
import { claim, createNamespace } from "./support/claims.ts";
import { apply, execIn, kubectl, meshctl, rolledOut, type StatRow } from "./support/cluster.ts";
import { startCountingServer } from "./support/counting-server.ts";
import { goServer } from "./support/objects.ts";

const PODS = 40;
/** Proxies that start at a time: forty at once would wait for each other's processors past their probes' patience. */
const WAVE = 8;

claim("stat answers for forty meshed pods with one request each and a few more", async (t) => {
  const namespace = await createNamespace("many", { meshed: true });
  await apply(goServer({ namespace, name: "web", replicas: 1 }));
  await rolledOut(namespace, "deploy/web");
  for (let replicas = WAVE; replicas <= PODS; replicas += WAVE) {
    await kubectl(["scale", "deploy/web", `--replicas=${replicas}`, "-n", namespace]);
    await rolledOut(namespace, "deploy/web");
  }
  const ask = "for i in 1 2 3 4 5 6 7 8 9 10; do curl -sSf -o /dev/null http://web:8080/x; done";
  await execIn(namespace, "deploy/web", ["sh", "-c", ask]);

  const counting = await startCountingServer();
  t.after(() => counting.close());
  const startMs = performance.now();
  const { stdout, stderr } = await meshctl(["stat", "deploy", "-n", namespace, "-o", "json"], {
    env: { KUBECONFIG: counting.kubeconfig },
  });
  const seconds = (performance.now() - startMs) / 1000;
  const requests = counting.requests();
  const perKind = new Map<string, number>();
  for (const path of requests) {
    const kind = path.replace(/\/pods\/[^/]+\/proxy\/stats.*/, "/pods/*/proxy/stats").replace(/\?.*/, "");
    perKind.set(kind, (perKind.get(kind) ?? 0) + 1);
  }
  const counts = [...perKind].map(([kind, count]) => `${count} x ${kind}`).join(", ");
  t.diagnostic(`stat over ${PODS} pods: ${seconds.toFixed(2)} s, ${requests.length} requests: ${counts}`);
  const [row] = JSON.parse(stdout) as StatRow[];
  assert.equal(row!.meshed, `${PODS}/${PODS}`, stdout);
  assert.doesNotMatch(stderr, /answered/, "every proxy answered");
  assert.ok(requests.length <= PODS + 10, `${requests.length} requests: ${counts}`);
  const ownKind = [...perKind].find(([kind]) => kind.endsWith("/pods/*/proxy/stats"));
  assert.equal(ownKind?.[1], PODS, counts);
});
