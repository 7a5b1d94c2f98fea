import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { KubeClient } from "../../../src/kube/client.ts";
import { applyManifests } from "../../../src/local/apply-manifests.ts";
import type { LocalCluster } from "../../../src/local/cluster.ts";
import { processesOf } from "../../../src/local/leftovers.ts";
import {
  DAEMON_SETS,
  JOBS,
  PERSISTENT_VOLUME_CLAIMS,
  PODS,
  STATEFUL_SETS,
} from "../../../src/local/resources.ts";
import { clientOf, startCluster } from "../../support/start-cluster.ts";
import { until } from "../../support/until.ts";

/** A pod template whose container runs a line of JavaScript; `mounts` and `spec` are lines of YAML. */
const template = (code: string, { argument = "", mounts = "[]", spec = "" } = {}) => `
    metadata:
      labels: { app: w }
      annotations:
        dev.meshctl.io/command.app: >-
          "$NODE" -e "${code}" ${argument}
    spec:
      ${spec}
      containers:
        - name: app
          image: example/app
          volumeMounts: ${mounts}
          env: [{ name: NODE, value: "${process.execPath}" }]`;

describe("workloads of a local cluster", () => {
  let dir: string;
  let cluster: LocalCluster;
  let client: KubeClient;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "meshctl-workloads-"));
    cluster = await startCluster(dir);
    client = await clientOf(cluster);
  });
  after(async () => {
    client?.close();
    await cluster?.stop();
    assert.deepEqual(await processesOf(dir), []);
    await rm(dir, { recursive: true, force: true });
  });

  const apply = (text: string) => applyManifests(client, text, { file: "w.yaml" });
  const logOf = (pod: string) =>
    client.request("GET", `/api/v1/namespaces/default/pods/${pod}/log`, { accept: "text/plain" });

  test("a job's pods run to their end, and the job with them", async () => {
    await apply(`
apiVersion: batch/v1
kind: Job
metadata: { name: sum }
spec:
  completions: 2
  completionMode: Indexed
  template:${template("console.log(40+Number(process.env.JOB_COMPLETION_INDEX))", { spec: "restartPolicy: Never" })}
`);
    const job = await until("completion", () => {
      const { status } = cluster.objects.get(JOBS, "default", "sum")!;
      return status?.conditions?.some((each: { type: string }) => each.type === "Complete") && status;
    });
    assert.equal(job.succeeded, 2);
    assert.equal(job.completedIndexes, "0,1");
    const pods = cluster.objects
      .list(PODS, "default")
      .filter((pod) => pod.metadata.labels?.["job-name"] === "sum");
    const logs = await Promise.all(pods.map((pod) => logOf(pod.metadata.name!)));
    assert.deepEqual(logs.map((text) => String(text).trim()).sort(), ["40", "41"]);
  });

  test("a stateful set's pod finds what the one before it wrote into its claim", async () => {
    // Each life adds a line, and says how many there are.
    const code =
      "const f=process.argv[1]+'/lives',s=require('fs');s.appendFileSync(f,'x');console.log(s.readFileSync(f,'utf8').length);setInterval(()=>{},1e6)";
    await apply(`
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: db }
spec:
  serviceName: db
  selector: { matchLabels: { app: w } }
  volumeClaimTemplates:
    - metadata: { name: data }
      spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } }
  template:${template(code, { argument: "/data", mounts: "[{ name: data, mountPath: /data }]" })}
`);
    const ready = (uid?: string) =>
      until("db-0", () => {
        const pod = cluster.objects.get(PODS, "default", "db-0");
        const isReady = pod?.status?.conditions?.some(
          (each: { type: string; status: string }) => each.type === "Ready" && each.status === "True",
        );
        return isReady && pod!.metadata.uid !== uid ? pod : undefined;
      });
    const said = (text: string) =>
      until(`the log to say ${text}`, async () => String(await logOf("db-0")).trim() === text);
    const first = await ready();
    await said("1");
    assert.equal(
      cluster.objects.get(PERSISTENT_VOLUME_CLAIMS, "default", "data-db-0")!.status.phase,
      "Bound",
    );
    await cluster.objects.delete(PODS, "default", "db-0", { gracePeriodSeconds: 0 });
    await ready(first.metadata.uid);
    await said("2");
    assert.equal(cluster.objects.get(STATEFUL_SETS, "default", "db")!.status.readyReplicas, 1);
  });

  test("a daemon set runs on the one node", async () => {
    await apply(`
apiVersion: apps/v1
kind: DaemonSet
metadata: { name: agent }
spec:
  selector: { matchLabels: { app: w } }
  template:${template("setInterval(()=>{},1e6)")}
`);
    await until(
      "a ready pod",
      () => cluster.objects.get(DAEMON_SETS, "default", "agent")!.status.numberReady === 1,
    );
  });
});
