/** A new version goes out while clients keep asking. */
import assert from "node:assert/strict";
import { claim, createNamespace } from "./support/claims.ts";
import { apply, kubectl, rolledOut } from "./support/cluster.ts";
import { answeredSince, describeFailures, loadClient, readLoad } from "./support/load.ts";
import { goServer } from "./support/objects.ts";

const VERSIONS = 10;

claim("ten versions roll out under load, and no request fails", async (t) => {
  const namespace = await createNamespace("rollout", { meshed: true });
  await apply([
    ...goServer({
      namespace,
      name: "web",
      replicas: 2,
      surge: 2,
      args: ["--delay=5ms"],
      env: { VERSION: "0" },
      // What every server behind a load balancer needs: no client may still be told of it when it stops.
      preStopSeconds: 3,
      terminationGraceSeconds: 20,
    }),
  ]);
  await rolledOut(namespace, "deploy/web");
  await apply(loadClient(namespace, "http://web:8080/", "--workers=8", "--pause=10ms"));
  await rolledOut(namespace, "deploy/load");
  let report = await answeredSince(namespace, await readLoad(namespace), 100);
  for (let version = 1; version <= VERSIONS; version++) {
    await kubectl(["set", "env", "deploy/web", `VERSION=${version}`, "-n", namespace]);
    await rolledOut(namespace, "deploy/web");
  }
  report = await answeredSince(namespace, await readLoad(namespace), 100);
  t.diagnostic(`${report.answered} requests were answered by ${Object.keys(report.pods).length} pods`);
  assert.equal(report.failures.length, 0, describeFailures(report));
  for (let version = 0; version <= VERSIONS; version++) {
    assert.ok(
      report.versions[version]! > 0,
      `version ${version} was never asked: ${JSON.stringify(report.versions)}`,
    );
  }
});
