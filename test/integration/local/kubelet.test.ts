import assert from "node:assert/strict";
import { mkdtemp, readFile, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { systemClock } from "../../../src/base/clock.ts";
import type { KubeObject } from "../../../src/base/kube-object.ts";
import { silentLogger } from "../../../src/base/log.ts";
import { createEventRecorder } from "../../../src/local/controllers/events.ts";
import { type Kubelet, startKubelet } from "../../../src/local/kubelet/kubelet.ts";
import { processesOf } from "../../../src/local/leftovers.ts";
import { createClusterAddresses } from "../../../src/local/network/addresses.ts";
import { claimNetwork, type NetworkClaim, preferredOctet } from "../../../src/local/network/claim.ts";
import { CONFIG_MAPS, EVENTS, PODS } from "../../../src/local/resources.ts";
import { MemoryObjects } from "../../support/memory-objects.ts";
import { until } from "../../support/until.ts";

let dir: string;
let claim: NetworkClaim;
let objects: MemoryObjects;
let kubelet: Kubelet;
let mints = 0;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "meshctl-kubelet-"));
  claim = await claimNetwork(preferredOctet(dir));
  const addresses = createClusterAddresses(claim.octet);
  objects = new MemoryObjects(() => systemClock.now());
  kubelet = startKubelet(
    {
      objects,
      clock: systemClock,
      log: silentLogger,
      random: () => 0.5,
      events: createEventRecorder({ objects, clock: systemClock, log: silentLogger, component: "kubelet" }),
      meshctlCommand: [process.execPath, "-e", "console.log('meshctl', ...process.argv.slice(1))"],
      baseEnvironment: { PATH: process.env.PATH ?? "", NODE: process.execPath },
      apiServer: { host: "127.0.0.1", port: 1 },
      clusterDir: dir,
      cwd: dir,
      clusterDomain: "cluster.local",
      dnsServer: `${addresses.dns}:1`,
      podsDir: join(dir, "pods"),
      claimsDir: join(dir, "claims"),
      node: { name: "local", ip: addresses.node, cpus: 2, memoryBytes: 2 ** 30 },
      // The first token is due for renewal at once, so that the next write brings another.
      mintToken: async ({ audiences, pod }) => {
        mints++;
        const expiresAtMs = systemClock.now() + (mints === 1 ? 500 : 3_600_000);
        return { token: `${audiences.join()}/${pod.name}/${mints}`, expiresAtMs };
      },
    },
    addresses.pods,
  );
});

after(async () => {
  await kubelet.stop(1000);
  await claim.release();
  assert.deepEqual(await processesOf(dir), [], "no process is left");
  await rm(dir, { recursive: true, force: true });
});

const SERVER = (text: string) =>
  `"$NODE" -e 'require("http").createServer((q,s)=>s.end("${text}")).listen(8080,process.env.LISTEN_HOST,()=>console.log("listening"))'`;

interface Containers {
  readonly [name: string]: string;
}

async function runPod(
  name: string,
  commands: Containers,
  spec: Record<string, unknown>,
): Promise<KubeObject> {
  const annotations = Object.fromEntries(
    Object.entries(commands).map(([container, command]) => [`dev.meshctl.io/command.${container}`, command]),
  );
  return objects.create(PODS, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "demo", annotations },
    spec: { terminationGracePeriodSeconds: 5, ...spec },
  });
}

const pod = (name: string) => objects.get(PODS, "demo", name);
const status = (name: string, container: string) =>
  [...(pod(name)?.status?.containerStatuses ?? []), ...(pod(name)?.status?.initContainerStatuses ?? [])].find(
    (each) => each.name === container,
  );
const isReady = (name: string) =>
  pod(name)?.status?.conditions?.some(
    (each: { type: string; status: string }) => each.type === "Ready" && each.status === "True",
  );

async function logsOf(name: string, container: string, previous = false): Promise<string> {
  const stream = kubelet.podBackend.logs("demo", name, container, {
    follow: false,
    timestamps: false,
    previous,
    signal: new AbortController().signal,
  });
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  return text;
}

async function remove(name: string): Promise<void> {
  await objects.delete(PODS, "demo", name);
  await until(`${name} to go`, () => !pod(name));
}

describe("kubelet", { concurrency: false }, () => {
  test("runs init containers in order, sidecars beside, and stops the sidecar last", async () => {
    const order = await mkdtemp(join(dir, "order-"));
    const say = (word: string) => `sh -c 'echo ${word} >> /order/log'`;
    const stays = (word: string) =>
      `"$NODE" -e 'const fs=require("fs"); const say=(w)=>fs.appendFileSync(process.argv[1],w+"\\n"); say("${word}"); process.on("SIGTERM",()=>{say("${word} ends");process.exit(0)}); require("http").createServer((q,s)=>s.end()).listen(+process.env.PORT,process.env.LISTEN_HOST)' /order/log`;
    const mount = { volumeMounts: [{ name: "order", mountPath: "/order" }] };
    await runPod(
      "ordered",
      { one: say("one"), side: stays("side"), two: say("two"), app: stays("app") },
      {
        initContainers: [
          { name: "one", image: "x", ...mount },
          {
            name: "side",
            image: "x",
            restartPolicy: "Always",
            env: [{ name: "PORT", value: "7000" }],
            startupProbe: { httpGet: { port: 7000 } },
            ...mount,
          },
          { name: "two", image: "x", ...mount },
        ],
        containers: [
          {
            name: "app",
            image: "x",
            env: [{ name: "PORT", value: "8080" }],
            ports: [{ name: "http", containerPort: 8080 }],
            readinessProbe: { httpGet: { port: "http" } },
            ...mount,
          },
        ],
        volumes: [{ name: "order", hostPath: { path: order } }],
      },
    );
    await until("ready", () => isReady("ordered"));
    const log = () => readFile(join(order, "log"), "utf8");
    assert.equal(await log(), "one\nside\ntwo\napp\n");
    assert.equal(status("ordered", "one").state.terminated.exitCode, 0);
    assert.equal(status("ordered", "side").started, true);
    await remove("ordered");
    assert.equal(await log(), "one\nside\ntwo\napp\napp ends\nside ends\n");
  });

  test("restarts what crashes, with back-off, keeping the previous log and the exit code", async () => {
    await runPod(
      "crashing",
      { app: "sh -c 'echo run; exit 3'" },
      { containers: [{ name: "app", image: "x" }] },
    );
    await until("a restart", () => status("crashing", "app")?.restartCount >= 2);
    await until("back-off", () => status("crashing", "app").state.waiting?.reason === "CrashLoopBackOff");
    assert.equal(status("crashing", "app").lastState.terminated.exitCode, 3);
    assert.equal(pod("crashing")!.status.phase, "Running");
    assert.equal(await logsOf("crashing", "app", true), "run\n");
    await remove("crashing");
  });

  test("a pod that is not to be restarted succeeds or fails as its containers do", async () => {
    const spec = {
      restartPolicy: "Never",
      containers: [{ name: "app", image: "meshctl:1", args: ["version"] }],
    };
    await runPod("good", {}, spec);
    await runPod("bad", { app: "sh -c 'exit 1'" }, spec);
    await until("success", () => pod("good")?.status?.phase === "Succeeded");
    await until("failure", () => pod("bad")?.status?.phase === "Failed");
    assert.equal(await logsOf("good", "app"), "meshctl version\n");
    assert.equal(status("bad", "app").state.terminated.reason, "Error");
    await remove("good");
    await remove("bad");
  });

  test("liveness ends a container that stopped answering, readiness takes it out first", async () => {
    const sickAfterOne = `"$NODE" -e 'let n=0; require("http").createServer((q,s)=>{s.statusCode=n++?500:200;s.end()}).listen(8080,process.env.LISTEN_HOST)'`;
    await runPod(
      "sick",
      { app: sickAfterOne },
      {
        containers: [
          {
            name: "app",
            image: "x",
            readinessProbe: { tcpSocket: { port: 8080 } },
            livenessProbe: {
              httpGet: { port: 8080 },
              periodSeconds: 1,
              failureThreshold: 2,
              initialDelaySeconds: 1,
            },
          },
        ],
      },
    );
    await until("restart", () => status("sick", "app")?.restartCount >= 1);
    const reasons = objects.list(EVENTS, "demo").filter((event) => event.involvedObject.name === "sick");
    assert.ok(
      reasons.some(({ reason, message }) => reason === "Unhealthy" && message.includes("statuscode: 500")),
    );
    await remove("sick");
  });

  test("a process that ignores SIGTERM is killed with its children when the grace is over", async () => {
    const stubborn = `sh -c 'trap "" TERM; sleep 1000 & echo started; while :; do sleep 1; done'`;
    await runPod(
      "stubborn",
      { app: stubborn },
      {
        terminationGracePeriodSeconds: 1,
        containers: [{ name: "app", image: "x" }],
      },
    );
    await until(
      "start",
      async () => status("stubborn", "app")?.state.running && (await logsOf("stubborn", "app")) !== "",
    );
    await remove("stubborn");
    assert.deepEqual(await processesOf(dir), []);
  });

  test("ConfigMap volumes switch at once, tokens are renewed before they expire", async () => {
    await runPod(
      "volumes",
      { app: SERVER("ok") },
      {
        containers: [
          {
            name: "app",
            image: "x",
            env: [
              { name: "SETTINGS", value: "/etc/app/a" },
              { name: "TOKEN", value: "/var/run/tokens/t" },
            ],
            volumeMounts: [
              { name: "settings", mountPath: "/etc/app" },
              { name: "token", mountPath: "/var/run/tokens" },
            ],
          },
        ],
        volumes: [
          { name: "settings", configMap: { name: "settings" } },
          {
            name: "token",
            projected: {
              sources: [{ serviceAccountToken: { path: "t", audience: "mesh", expirationSeconds: 600 } }],
            },
          },
        ],
      },
    );
    const missing = await until("a mount failure", () =>
      objects.list(EVENTS, "demo").find((event) => event.reason === "FailedMount"),
    );
    assert.match(missing.message, /configmap "settings" not found/);
    const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings", namespace: "demo" } };
    await objects.create(CONFIG_MAPS, { ...map, data: { a: "1" } });
    await until("running", () => status("volumes", "app")?.state.running);
    const volumes = join(dir, "pods", pod("volumes")!.metadata.uid!, "volumes");
    const before = await readlink(join(volumes, "settings", "..data"));
    assert.equal(await readFile(join(volumes, "settings", "a"), "utf8"), "1");
    await objects.mergePatch(CONFIG_MAPS, "demo", "settings", { data: { a: "2", b: "3" } });
    await until("switch", async () => (await readFile(join(volumes, "settings", "a"), "utf8")) === "2");
    assert.notEqual(await readlink(join(volumes, "settings", "..data")), before);
    await until(
      "b",
      async () => (await readFile(join(volumes, "settings", "b"), "utf8").catch(() => "")) === "3",
    );
    await until(
      "renewed token",
      async () => (await readFile(join(volumes, "token", "t"), "utf8")) === "mesh/volumes/2",
    );
    await remove("volumes");
  });

  test("what a pod's end has to say late is not said of the pod that has its name now", async (t) => {
    const container = { containers: [{ name: "app", image: "x" }] };
    const first = await runPod("twin", { app: "sleep 100" }, container);
    await until("twin to run", () => isReady("twin"));
    const write = objects.mergePatch.bind(objects);
    const secondWaits = Promise.withResolvers<void>();
    const late: Promise<unknown>[] = [];
    let second: KubeObject | undefined;
    objects.mergePatch = (resource, namespace, name, patch, subresource) => {
      if (subresource !== "status" || name !== "twin" || second) {
        return write(resource, namespace, name, patch, subresource);
      }
      const written = secondWaits.promise.then(() => write(resource, namespace, name, patch, subresource));
      late.push(written.catch(() => {}));
      return written;
    };
    t.after(() => Reflect.deleteProperty(objects, "mergePatch"));
    await objects.delete(PODS, "demo", "twin", { gracePeriodSeconds: 0 });
    await until("its end to be told", () => late.length > 0);
    second = await runPod("twin", {}, container);
    assert.notEqual(second.metadata.uid, first.metadata.uid);
    await until("the second to wait", () => status("twin", "app")?.state.waiting);
    const { status: told } = pod("twin")!;
    secondWaits.resolve();
    await Promise.all(late);
    assert.deepEqual(pod("twin")!.status, told);
    await remove("twin");
  });

  test("an image that is no process waits and says which annotation would run it, and runs when it comes", async () => {
    await runPod("foreign", {}, { containers: [{ name: "app", image: "nginx:1" }] });
    const { waiting } = await until(
      "waiting",
      () => status("foreign", "app")?.state.waiting?.message && status("foreign", "app").state,
    );
    assert.equal(waiting.reason, "ImageNotRunnable");
    assert.match(waiting.message, /dev\.meshctl\.io\/command\.app/);
    await objects.mergePatch(PODS, "demo", "foreign", {
      metadata: { annotations: { "dev.meshctl.io/command.app": SERVER("hello") } },
    });
    await until("running", () => status("foreign", "app")?.state.running);
    await remove("foreign");
  });

  test("a container that takes every address and finds its port taken is told to use LISTEN_HOST", async () => {
    await runPod(
      "first",
      { app: SERVER("ok") },
      {
        containers: [{ name: "app", image: "x", readinessProbe: { tcpSocket: { port: 8080 } } }],
      },
    );
    await until("first", () => isReady("first"));
    const wildcard = `"$NODE" -e 'require("http").createServer().listen(8080,"0.0.0.0")'`;
    await runPod("greedy", { app: wildcard }, { containers: [{ name: "app", image: "x" }] });
    const waiting = await until(
      "reason",
      () => status("greedy", "app")?.state.waiting?.message && status("greedy", "app").state.waiting,
    );
    assert.equal(waiting.reason, "AppBindsWildcard");
    assert.match(waiting.message, /LISTEN_HOST \(127\./);
    await remove("greedy");
    await remove("first");
  });

  test("port-forward reaches a meshed application past its proxy, proxy mode its public address", async () => {
    const proxy = `"$NODE" -e 'require("net").createServer((c)=>{c.on("error",()=>{});c.end("proxy "+c.remoteAddress)}).listen(+process.env.MESHCTL_PROXY_ADMIN_LISTEN_ADDR.split(":")[1],process.env.MESHCTL_PROXY_ADMIN_LISTEN_ADDR.split(":")[0])'`;
    const app = `"$NODE" -e 'require("net").createServer((c)=>c.end("app "+c.remoteAddress)).listen(8080,process.env.LISTEN_HOST,()=>console.log("up"))'`;
    await runPod(
      "meshed",
      { proxy, app },
      {
        initContainers: [
          {
            name: "proxy",
            image: "x",
            restartPolicy: "Always",
            env: [{ name: "MESHCTL_PROXY_CAPTURE", value: "explicit" }],
            startupProbe: { tcpSocket: { port: 4191 } },
          },
        ],
        containers: [{ name: "app", image: "x", ports: [{ containerPort: 8080 }] }],
      },
    );
    await until(
      "app",
      async () => status("meshed", "app")?.state.running && (await logsOf("meshed", "app")) !== "",
    );
    const publicIp: string = pod("meshed")!.status.podIP;
    const privateIp = publicIp.replace(
      /^(127\.\d+)\.(\d+)/,
      (_all, head, block) => `${head}.${Number(block) + 64}`,
    );
    const read = async (port: number, mode: "proxy" | "portforward") => {
      const socket = await kubelet.podBackend.connect("demo", "meshed", port, mode);
      let text = "";
      for await (const chunk of socket) text += String(chunk);
      return text;
    };
    assert.equal(await read(8080, "portforward"), `app ${privateIp}`);
    assert.equal(await read(4191, "portforward"), `proxy ${privateIp}`);
    assert.equal(await read(4191, "proxy"), `proxy 127.${claim.octet}.0.1`);
    await assert.rejects(kubelet.podBackend.connect("demo", "meshed", 9999, "portforward"), /ECONNREFUSED/);
    await remove("meshed");
  });

  test("following a log ends with the container, and brings each line once", async () => {
    await runPod(
      "talking",
      { app: "sh -c 'for i in 1 2 3 4 5; do echo $i; sleep 0.05; done'" },
      {
        restartPolicy: "Never",
        containers: [{ name: "app", image: "x" }],
      },
    );
    await until(
      "start",
      () => status("talking", "app")?.state.running || status("talking", "app")?.state.terminated,
    );
    const stream = kubelet.podBackend.logs("demo", "talking", "app", {
      follow: true,
      timestamps: true,
      previous: false,
      signal: new AbortController().signal,
    });
    let text = "";
    for await (const chunk of stream) text += String(chunk);
    assert.deepEqual(
      text
        .trim()
        .split("\n")
        .map((line) => line.split(" ")[1]),
      ["1", "2", "3", "4", "5"],
    );
    assert.match(text, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z 1\n/);
    await remove("talking");
  });
});

test("two clusters never claim the same network, and a freed one can be claimed again", async () => {
  const first = await claimNetwork(claim.octet);
  assert.notEqual(first.octet, claim.octet);
  const { octet } = first;
  await first.release();
  const again = await claimNetwork(octet);
  assert.equal(again.octet, octet);
  await again.release();
});
