import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { containerEnvironment } from "../../../../src/local/kubelet/environment.ts";
import { expandVariables } from "../../../../src/local/kubelet/expand.ts";
import { isOwnImage, runnableOf } from "../../../../src/local/kubelet/image.ts";
import { prepareLaunch } from "../../../../src/local/kubelet/launch.ts";
import { rewritePaths } from "../../../../src/local/kubelet/mounts.ts";
import { tryParseQuantity } from "../../../../src/local/kubelet/quantity.ts";
import { CONFIG_MAPS, SECRETS } from "../../../../src/local/resources.ts";
import { MemoryObjects } from "../../../support/memory-objects.ts";

describe("mount paths in text", () => {
  const mounts = [
    { mountPath: "/etc/app", realPath: "/real/a" },
    { mountPath: "/etc/app/tls/", realPath: "/real/tls" },
    { mountPath: "/", realPath: "/never" },
  ];
  const CASES: readonly [string, string][] = [
    ["/etc/app", "/real/a"],
    ["/etc/app/x.yaml", "/real/a/x.yaml"],
    ["/etc/app/tls/key.pem", "/real/tls/key.pem"],
    ["--config=/etc/app/x", "--config=/real/a/x"],
    ["/etc/app:/etc/app/tls", "/real/a:/real/tls"],
    ["/etc/application", "/etc/application"],
    ["/etc/app.d", "/etc/app.d"],
    ["/etc/app-2", "/etc/app-2"],
    ["/usr/etc/app", "/usr/etc/app"],
    ["http://host/etc/app", "http://host/etc/app"],
    ["cat '/etc/app/a' \"/etc/app/b\"", "cat '/real/a/a' \"/real/a/b\""],
    ["no paths", "no paths"],
  ];
  for (const [text, expected] of CASES) {
    test(`${text} becomes ${expected}`, () => assert.equal(rewritePaths(text, mounts), expected));
  }
});

test("variables expand once, unknown ones stay, $$ is a dollar", () => {
  const variables = { A: "1", B: "$(A)" };
  assert.equal(expandVariables("$(A) $(B) $(C) $$(A) $$ $A", variables), "1 $(A) $(C) $(A) $ $A");
});

test("quantities are numbers of their base unit", () => {
  assert.deepEqual(["250m", "2", "64Mi", "1e3", "1.5G", "x"].map(tryParseQuantity), [
    0.25,
    2,
    64 * 2 ** 20,
    1000,
    1.5e9,
    undefined,
  ]);
});

test("meshctl's own image is known by its repository name alone", () => {
  const own = ["meshctl", "meshctl:1.2", "registry.example:5000/team/meshctl:dev", "meshctl@sha256:abc"];
  const foreign = ["meshctl-proxy:1", "nginx", "meshctl/web", "registry:5000/other", ""];
  assert.deepEqual(
    own.map(isOwnImage),
    own.map(() => true),
  );
  assert.deepEqual(
    foreign.map(isOwnImage),
    foreign.map(() => false),
  );
});

describe("what a container runs", () => {
  const meshctl = ["/node", "/dist/meshctl.js"];
  const argv = (container: object, annotation?: string) => {
    const result = runnableOf({ name: "app", ...container }, annotation, meshctl);
    return result.type === "argv" ? result.argv : result.reason;
  };
  test("our image runs this build, with its args, or a command of its own", () => {
    assert.deepEqual(argv({ image: "meshctl:1" }), meshctl);
    assert.deepEqual(argv({ image: "meshctl:1", args: ["proxy"] }), [...meshctl, "proxy"]);
    assert.deepEqual(argv({ image: "x/meshctl", command: ["/usr/bin/meshctl", "dev"], args: ["a"] }), [
      ...meshctl,
      "dev",
      "a",
    ]);
    assert.deepEqual(argv({ image: "meshctl", command: ["sleep"], args: ["1"] }), ["sleep", "1"]);
  });
  test("another image waits with a reason, unless an annotation stands for it", () => {
    assert.equal(argv({ image: "nginx" }), "ImageNotRunnable");
    assert.deepEqual(argv({ image: "nginx", args: ["-v"] }, "node 'a b.js'"), [
      "/bin/sh",
      "-c",
      `exec node 'a b.js' "$@"`,
      "sh",
      "-v",
    ]);
  });
  test("the waiting message names the annotation", () => {
    const result = runnableOf({ name: "app", image: "nginx:1" }, undefined, meshctl);
    assert.ok(result.type === "not-runnable" && result.message.includes("dev.meshctl.io/command.app"));
  });
});

describe("a container's environment", async () => {
  const objects = new MemoryObjects();
  await objects.create(CONFIG_MAPS, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "settings", namespace: "demo" },
    data: { COLOUR: "blue", FILE: "/etc/app/x" },
  });
  await objects.create(SECRETS, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "keys", namespace: "demo" },
    data: { password: Buffer.from("s3cret").toString("base64") },
  });
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "p-1",
      namespace: "demo",
      uid: "u",
      labels: { app: "web" },
      annotations: { "dev.meshctl.io/command.app": "node server.js --token /etc/app/token" },
    },
    spec: { serviceAccountName: "sa", containers: [] },
  };
  const downward = {
    pod,
    podIp: "127.5.64.1",
    hostIp: "127.5.0.1",
    nodeName: "local",
    node: { cpus: 4, memoryBytes: 2 ** 30 },
  };
  const network = {
    isMeshed: true,
    proxyContainer: "proxy",
    proxy: { MESHCTL_PROXY_INBOUND_APP_HOST: "B", OVER: "network" },
    application: { LISTEN_HOST: "B", WEB_SERVICE_HOST: "B" },
  };
  const mounts = [
    { mountPath: "/etc/app", realPath: "/real" },
    { mountPath: "/var/run/secrets/kubernetes.io/serviceaccount", realPath: "/real/sa" },
  ];
  const make = (container: object) =>
    containerEnvironment({
      objects,
      pod,
      container: { name: "app", ...container },
      downward,
      network,
      mounts,
      base: { PATH: "/bin" },
      apiServer: { host: "127.0.0.1", port: 6443 },
    });

  test("takes values, downward fields, resources, ConfigMaps and Secrets, in order and rewritten", () => {
    const env = make({
      resources: { limits: { cpu: "100m" } },
      envFrom: [
        { prefix: "P_", configMapRef: { name: "settings" } },
        { secretRef: { name: "none", optional: true } },
      ],
      env: [
        { name: "NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
        { name: "APP", valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } },
        { name: "IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } },
        { name: "CPU", valueFrom: { resourceFieldRef: { resource: "limits.cpu", divisor: "1m" } } },
        { name: "CORES", valueFrom: { resourceFieldRef: { resource: "limits.cpu" } } },
        { name: "MEMORY", valueFrom: { resourceFieldRef: { resource: "limits.memory", divisor: "1Mi" } } },
        { name: "PASSWORD", valueFrom: { secretKeyRef: { name: "keys", key: "password" } } },
        { name: "ABSENT", valueFrom: { configMapKeyRef: { name: "settings", key: "no", optional: true } } },
        { name: "URL", value: "http://$(NAME):$(P_COLOUR)/$(LATER)" },
        { name: "LATER", value: "/etc/app/token" },
      ],
    });
    const { NAME, APP, IP, CPU, CORES, MEMORY, PASSWORD, URL, LATER, P_FILE, LISTEN_HOST } = env;
    assert.deepEqual(
      { NAME, APP, IP, CPU, CORES, MEMORY, PASSWORD, URL, LATER, P_FILE, LISTEN_HOST },
      {
        NAME: "p-1",
        APP: "web",
        IP: "127.5.64.1",
        CPU: "100",
        CORES: "1",
        MEMORY: "1024",
        PASSWORD: "s3cret",
        URL: "http://p-1:blue/$(LATER)",
        LATER: "/real/token",
        P_FILE: "/real/x",
        LISTEN_HOST: "B",
      },
    );
    assert.equal("ABSENT" in env, false);
    assert.equal(env.KUBERNETES_SERVICE_ACCOUNT_DIR, "/real/sa");
    assert.equal(env.KUBERNETES_SERVICE_PORT, "6443");
  });

  test("an application's own LISTEN_HOST wins, the proxy's network variables win", () => {
    assert.equal(make({ env: [{ name: "LISTEN_HOST", value: "::" }] }).LISTEN_HOST, "::");
    const proxy = make({ name: "proxy", env: [{ name: "OVER", value: "own" }] });
    assert.equal(proxy.OVER, "network");
    assert.equal(proxy.WEB_SERVICE_HOST, undefined);
  });

  test("a missing key says which", () => {
    const entry = { name: "X", valueFrom: { configMapKeyRef: { name: "settings", key: "no" } } };
    assert.throws(() => make({ env: [entry] }), /couldn't find key no in configmap "settings"/);
    const from = [{ secretRef: { name: "none" } }];
    assert.throws(() => make({ envFrom: from }), /secret "none" not found/);
  });

  test("launch rewrites the annotation and marks the process with the cluster's directory", () => {
    const outcome = prepareLaunch({
      settings: {
        objects,
        meshctlCommand: ["node", "meshctl.js"],
        baseEnvironment: {},
        apiServer: { host: "127.0.0.1", port: 1 },
        clusterDir: "/cluster",
        cwd: "/",
      },
      pod,
      container: { name: "app", image: "nginx", args: ["$(HOSTNAME)"] },
      downward,
      network,
      volumeMounts: mounts,
      dir: "/tmp",
    });
    assert.ok(outcome.type === "launch");
    assert.deepEqual(outcome.launch.argv.slice(2), [
      'exec node server.js --token /real/token "$@"',
      "sh",
      "p-1",
    ]);
    assert.equal(outcome.launch.env.MESHCTL_DEV_CLUSTER, "/cluster");
    assert.equal(outcome.launch.env.MESHCTL_IMAGE, undefined);
  });
});
