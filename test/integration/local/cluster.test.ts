import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { Resolver } from "node:dns/promises";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { KubeClient } from "../../../src/kube/client.ts";
import { createKubeClient } from "../../../src/kube/connect.ts";
import { applyManifests, deleteManifests } from "../../../src/local/apply-manifests.ts";
import type { LocalCluster } from "../../../src/local/cluster.ts";
import { processesOf } from "../../../src/local/leftovers.ts";
import { DEPLOYMENTS, NAMESPACES, PODS, REPLICA_SETS } from "../../../src/local/resources.ts";
import { clientOf, startCluster } from "../../support/start-cluster.ts";
import { until } from "../../support/until.ts";

const FIXTURE = fileURLToPath(new URL("../../support/local-cluster-process.ts", import.meta.url));

/** Leaves once nobody asks any more: requests may be on their way to a pod that is told to go, here as on any Kubernetes. */
const application = (version: string, replicas = 2) => `
apiVersion: v1
kind: Namespace
metadata: { name: demo }
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: demo }
spec:
  selector: { app: web }
  ports: [{ name: http, port: 8080, targetPort: http }]
---
apiVersion: v1
kind: Service
metadata: { name: pods, namespace: demo }
spec: { clusterIP: None, selector: { app: web }, ports: [{ name: http, port: 8080 }] }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: demo }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: web } }
  template:
    metadata:
      labels: { app: web }
      annotations:
        dev.meshctl.io/command.app: >-
          "$NODE" -e 'let leaving; const leave=()=>{clearTimeout(leaving);leaving=setTimeout(()=>process.exit(0),500)};
          require("http").createServer((q,s)=>{s.end(process.env.VERSION+" "+process.env.HOSTNAME);if(leaving)leave()})
          .listen(8080,process.env.LISTEN_HOST); process.on("SIGTERM",leave)'
    spec:
      containers:
        - name: app
          image: example/web
          env:
            - { name: NODE, value: "${process.execPath}" }
            - { name: VERSION, value: ${version} }
          ports: [{ name: http, containerPort: 8080 }]
          readinessProbe: { httpGet: { port: http } }
`;

function fetchText(host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ host, port, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.once("end", () => resolve(text));
    }).once("error", reject);
  });
}

describe("a local cluster", () => {
  let dir: string;
  let cluster: LocalCluster;
  let client: KubeClient;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "meshctl-cluster-"));
    cluster = await startCluster(dir);
    client = await clientOf(cluster);
  });
  after(async () => {
    client?.close();
    await cluster?.stop();
    assert.deepEqual(await processesOf(dir), []);
    await rm(dir, { recursive: true, force: true });
  });

  const deployment = () => cluster.objects.get(DEPLOYMENTS, "demo", "web");
  const isRolledOut = () => {
    const { status, metadata } = deployment()!;
    const progress = status?.conditions?.find((each: { type: string }) => each.type === "Progressing");
    return (
      status?.observedGeneration === metadata.generation &&
      progress?.reason === "NewReplicaSetAvailable" &&
      status
    );
  };

  test("keeps its kubeconfig to its owner", async () => {
    assert.equal((await stat(cluster.kubeconfigPath)).mode & 0o777, 0o600);
  });

  test("runs a deployment that its service, its names and its endpoints lead to", async () => {
    const applied = await applyManifests(client, application("v1"), { file: "app.yaml" });
    assert.deepEqual(
      applied.map(({ name, action }) => `${name} ${action}`),
      [
        "namespace/demo created",
        "service/web created",
        "service/pods created",
        "deployment.apps/web created",
      ],
    );
    await until("rollout", isRolledOut);
    const clusterIp: string = (await client.request("GET", "/api/v1/namespaces/demo/services/web")).spec
      .clusterIP;
    const answers = new Set<string>();
    for (let count = 0; count < 4; count++) answers.add(await fetchText(clusterIp, 8080));
    assert.equal(answers.size, 2, "both pods answer");
    assert.ok([...answers].every((answer) => answer.startsWith("v1 web-")));

    const resolver = new Resolver();
    resolver.setServers([cluster.dnsServer]);
    assert.deepEqual(await resolver.resolve4("web.demo.svc.cluster.local"), [clusterIp]);
    const podIps = cluster.objects.list(PODS, "demo").map((pod) => pod.status.podIP);
    const named = await until("two names", async () => {
      const found = await resolver.resolve4("pods.demo.svc.cluster.local");
      return found.length === 2 && found;
    });
    assert.deepEqual(named.sort(), podIps.sort());
    const [srv] = await resolver.resolveSrv("_http._tcp.pods.demo.svc.cluster.local");
    assert.equal(srv!.port, 8080);
    await assert.rejects(resolver.resolve4("nobody.demo.svc.cluster.local"), { code: "ENOTFOUND" });
    const endpoint = cluster.serviceAddressOf("demo", "web", "http")!;
    assert.ok(podIps.includes(endpoint.host));
    assert.equal(endpoint.port, 8080);
  });

  test("applying the same again changes nothing; a new version rolls over without a refused request", async () => {
    const again = await applyManifests(client, application("v1"), { file: "app.yaml" });
    assert.deepEqual(new Set(again.map(({ action }) => action)), new Set(["unchanged"]));
    const clusterIp: string = (await client.request("GET", "/api/v1/namespaces/demo/services/web")).spec
      .clusterIP;
    await applyManifests(client, application("v2"), { file: "app.yaml" });
    let asked = 0;
    await until("v2 alone", async () => {
      const answer = await fetchText(clusterIp, 8080);
      asked++;
      assert.match(answer, /^v[12] web-/);
      const pods = cluster.objects.list(PODS, "demo");
      return isRolledOut() && pods.every((pod) => pod.spec.containers[0].env[1].value === "v2");
    });
    assert.ok(asked > 0);
    assert.equal(cluster.objects.list(REPLICA_SETS, "demo").length, 2);
    assert.match(await fetchText(clusterIp, 8080), /^v2 /);
  });

  test("deleting the namespace ends its processes and then it", async () => {
    const deleted = await deleteManifests(
      client,
      "{apiVersion: v1, kind: Namespace, metadata: {name: demo}}",
      {
        file: "ns.yaml",
      },
    );
    assert.deepEqual(deleted, { deleted: ["namespace/demo"], missing: [] });
    await until("namespace to go", () => !cluster.objects.get(NAMESPACES, undefined, "demo"));
    assert.equal(cluster.objects.list(PODS, "demo").length, 0);
    assert.deepEqual(await processesOf(dir), []);
  });
});

describe("life and death of a cluster's process", () => {
  let dir: string;
  const children: ChildProcess[] = [];

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "meshctl-life-"));
  });
  after(async () => {
    for (const child of children) if (child.exitCode === null) child.kill("SIGKILL");
    for (const pid of await processesOf(dir)) process.kill(pid, "SIGKILL");
    await rm(dir, { recursive: true, force: true });
  });

  async function start(
    at: string,
  ): Promise<{ child: ChildProcess; word: string; exited: Promise<number | null> }> {
    const child = spawn(process.execPath, [FIXTURE, at], { stdio: ["ignore", "pipe", "inherit"] });
    children.push(child);
    const exited = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
    const said = new Promise<string>((resolve) =>
      child.stdout!.once("data", (chunk) => resolve(String(chunk).trim())),
    );
    const word = await Promise.race([said, exited.then((code) => `exited with ${code}`)]);
    return { child, word, exited };
  }
  async function runSleeper(): Promise<void> {
    const client = await createKubeClient({
      kubeconfig: join(dir, "kubeconfig"),
      context: undefined,
      as: undefined,
      asGroups: [],
      env: {},
    });
    const pod = `
apiVersion: v1
kind: Pod
metadata: { name: sleeper, namespace: default, annotations: { dev.meshctl.io/command.app: "sh -c 'trap : TERM; while :; do sleep 100; done'" } }
spec: { containers: [{ name: app, image: x }] }
`;
    try {
      // The namespace's service account is made by a controller.
      await until("pod to be accepted", () =>
        applyManifests(client, pod, { file: "pod" }).catch(() => false as const),
      );
    } finally {
      client.close();
    }
    await until("its process", async () => (await processesOf(dir)).length > 0);
  }

  test("a second start in its folder is refused; killed, it is cleaned up by the next start; stopped, it leaves nothing", async () => {
    const first = await start(dir);
    assert.match(first.word, /^up 127\./);
    const second = await start(dir);
    assert.equal(second.word, "DEV_ALREADY_RUNNING");
    assert.equal(await second.exited, 1);

    await runSleeper();
    const orphans = await processesOf(dir);
    first.child.kill("SIGKILL");
    await first.exited;
    assert.ok(orphans.length > 0);
    const third = await start(dir);
    assert.match(third.word, /^up 127\./);
    assert.deepEqual(await processesOf(dir), [], "the orphans are gone");

    await runSleeper();
    third.child.kill("SIGTERM");
    assert.equal(await third.exited, 0);
    assert.deepEqual(await processesOf(dir), []);
  });

  test("two clusters in different folders run side by side on different networks", async () => {
    const left = await start(join(dir, "left"));
    const right = await start(join(dir, "right"));
    assert.match(left.word, /^up 127\./);
    assert.match(right.word, /^up 127\./);
    assert.notEqual(left.word, right.word);
    left.child.kill("SIGTERM");
    right.child.kill("SIGTERM");
    assert.deepEqual(await Promise.all([left.exited, right.exited]), [0, 0]);
  });
});
