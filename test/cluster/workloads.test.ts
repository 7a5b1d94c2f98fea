/** Workloads that are not a Deployment behind a ClusterIP. */
import assert from "node:assert/strict";
import { claim, createNamespace } from "./support/claims.ts";
import {
  apply,
  type Edge,
  execIn,
  isMeshed,
  KUBECTL,
  kubectl,
  LIMIT_MS,
  meshctl,
  pods,
  rolledOut,
} from "./support/cluster.ts";
import { deployment, goServer, IDLE, job, statefulSet } from "./support/objects.ts";
import { resolved } from "./support/reached.ts";

claim("a Job that talks through its proxy ends, and so does its proxy", async () => {
  const namespace = await createNamespace("job", { meshed: true });
  await apply(goServer({ namespace, name: "web" }));
  await rolledOut(namespace, "deploy/web");
  await apply(job({ namespace, name: "once", command: ["curl", "-sSf", "http://web:8080/"] }));
  await kubectl([
    "wait",
    "--for=condition=Complete",
    "job/once",
    "-n",
    namespace,
    `--timeout=${LIMIT_MS / 1000}s`,
  ]);
  const [pod] = await pods(namespace, "job-name=once");
  assert.ok(isMeshed(pod!));
  assert.equal(pod!.status.phase, "Succeeded");
  const { stdout } = await kubectl(["logs", "job/once", "-c", "app", "-n", namespace]);
  const answer = JSON.parse(stdout);
  assert.match(answer.pod, /^web-/);
});

claim("a Job that fails is a failed Job, not one that its proxy keeps alive", async () => {
  const namespace = await createNamespace("failing-job", { meshed: true });
  await apply(job({ namespace, name: "once", command: ["sh", "-c", "exit 3"] }));
  await kubectl([
    "wait",
    "--for=condition=Failed",
    "job/once",
    "-n",
    namespace,
    `--timeout=${LIMIT_MS / 1000}s`,
  ]);
});

claim("pods of a headless service are reached by their own names, over mutual TLS", async (t) => {
  const namespace = await createNamespace("headless", { meshed: true });
  await apply([
    ...statefulSet({
      namespace,
      name: "db",
      replicas: 2,
      headless: true,
      command: ["app", "serve"],
      ports: [8080],
      ready: "/ready",
    }),
    ...deployment({ namespace, name: "client", command: IDLE }),
  ]);
  await rolledOut(namespace, "statefulset/db", "deploy/client");
  const domain = `${namespace}.svc.cluster.local`;
  await resolved(namespace, "deploy/client", `db-0.db.${domain}`, `db-1.db.${domain}`);
  for (const name of ["db-0", "db-1"]) {
    for (const host of [`${name}.db`, `${name}.db.${domain}`]) {
      const { stdout } = await execIn(namespace, "deploy/client", ["curl", "-sSf", `http://${host}:8080/x`]);
      assert.equal(JSON.parse(stdout).pod, name, `${host} is ${name}`);
    }
  }
  const { stdout: any } = await execIn(namespace, "deploy/client", ["curl", "-sSf", "http://db:8080/x"]);
  assert.match(JSON.parse(any).pod, /^db-[01]$/);
  const { stdout } = await meshctl(["edges", "po", "-n", namespace, "-o", "json"]);
  const edges = JSON.parse(stdout) as Edge[];
  const { stdout: table } = await meshctl(["edges", "po", "-n", namespace]);
  t.diagnostic(`\n${table}`);
  for (const name of ["db-0", "db-1"]) {
    const edge = edges.find((edge) => edge.dst === name);
    assert.ok(edge, `an edge to ${name} is missing in ${stdout}`);
    assert.equal(edge.no_tls_reason, "", JSON.stringify(edge));
  }
});

claim("manifests injected by hand, with the proxy in them, run like those of the webhook", async () => {
  const namespace = await createNamespace("manual", { meshed: false });
  const list = { apiVersion: "v1", kind: "List", items: goServer({ namespace, name: "web" }) };
  const { stdout: manual } = await meshctl(["inject", "--manual", "-"], { stdin: JSON.stringify(list) });
  await kubectl(["apply", "-f", "-"], { stdin: manual });
  // By annotation: the README's line for an application of one's own.
  const client = {
    apiVersion: "v1",
    kind: "List",
    items: deployment({ namespace, name: "client", command: IDLE }),
  };
  const { stdout: annotated } = await meshctl(["inject", "-"], { stdin: JSON.stringify(client) });
  await kubectl(["apply", "-f", "-"], { stdin: annotated });
  await rolledOut(namespace, "deploy/web", "deploy/client");
  for (const pod of await pods(namespace)) assert.ok(isMeshed(pod), pod.metadata.name);
  await execIn(namespace, "deploy/client", ["curl", "-sSf", "http://web:8080/x"]);
  const edges = JSON.parse(
    (await meshctl(["edges", "deploy", "-n", namespace, "-o", "json"])).stdout,
  ) as Edge[];
  const edge = edges.find(({ src, dst }) => src === "client" && dst === "web");
  assert.equal(edge?.no_tls_reason, "", `${KUBECTL}: ${JSON.stringify(edges)}`);
});
