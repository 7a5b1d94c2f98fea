/** The whole path, as a user walks it: the built program, real processes, real sockets. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { findExecutable } from "../../src/cli/plugins.ts";
import type { KubeList } from "../../src/kube/client.ts";
import { createKubeClient } from "../../src/kube/connect.ts";
import { processesWith } from "../support/leftovers.ts";
import {
  BUILT_ENTRY,
  describeRun,
  type RunResult,
  runMeshctl,
  runProcess,
  startProcess,
} from "../support/run-process.ts";
import { until } from "../support/until.ts";

const NOT_BUILT = existsSync(BUILT_ENTRY) ? false : "dist/ is missing: npm run build";
/** A hang ends as a failure with output; none of these says how fast anything has to be. */
const LIMIT_MS = 180_000;

test("meshctl demo shows a mesh at work, answers questions about it, and leaves nothing", {
  skip: NOT_BUILT,
}, async (t) => {
  const home = await mkdtemp(join(tmpdir(), "meshctl-e2e-"));
  t.after(() => rm(home, { recursive: true, force: true, maxRetries: 5 }));
  const dir = join(home, "cluster");
  const env = { HOME: home, KUBECONFIG: undefined, XDG_STATE_HOME: undefined, FORCE_COLOR: undefined };
  const demo = startProcess(process.execPath, [BUILT_ENTRY, "demo", "--dir", dir], { env, cwd: home });
  t.after(() => demo.child.kill("SIGKILL"));

  const [, kubeconfig] = await demo.waitFor(/export KUBECONFIG=(\S+)/, LIMIT_MS);
  const inside = { env: { ...env, KUBECONFIG: kubeconfig }, cwd: home, limitMs: LIMIT_MS };
  const ask = (...args: string[]): Promise<RunResult> => runMeshctl(args, inside);

  await t.test("stat shows every deployment meshed, with its traffic", async () => {
    // Proxies tell of whole seconds, and the first request is younger.
    const stdout = await until(
      "traffic of web",
      async () => {
        const table = (await ask("stat", "deploy", "-n", "demo")).stdout;
        return tableRows(table).some(([name, , success]) => name === "web" && success !== "-") && table;
      },
      LIMIT_MS,
    );
    const rows = tableRows(stdout);
    assert.deepEqual(
      rows.map(([name, meshed]) => `${name} ${meshed}`),
      ["catalog 2/2", "catalog-slow 1/1", "kv 1/1", "orders 1/1", "traffic 1/1", "web 2/2"],
      stdout,
    );
    const web = rows.find(([name]) => name === "web")!;
    assert.match(web[2]!, /^\d+\.\d\d%$/, stdout);
    assert.notEqual(web[3], "0.0rps", stdout);
  });

  await t.test("stat speaks JSON", async () => {
    const rows = JSON.parse((await ask("stat", "deploy/web", "-n", "demo", "-o", "json")).stdout);
    assert.equal(rows.length, 1);
    assert.equal(rows[0].name, "web");
    assert.ok(rows[0].success > 0, JSON.stringify(rows));
  });

  await t.test("edges shows who talks to whom, all of it secured", async () => {
    const { stdout } = await ask("edges", "deploy", "-n", "demo");
    const rows = tableRows(stdout);
    for (const [src, dst] of [
      ["traffic", "web"],
      ["web", "catalog"],
      ["web", "orders"],
      ["web", "kv"],
    ]) {
      assert.ok(
        rows.some((row) => row[0] === src && row[1] === dst),
        `${src} -> ${dst} is missing:\n${stdout}`,
      );
    }
    for (const row of rows) assert.equal(row.at(-1), "√", stdout);
  });

  await t.test("tap shows requests as they pass, over mutual TLS, and ends on Ctrl-C", async () => {
    const tap = startProcess(process.execPath, [BUILT_ENTRY, "tap", "deploy/web", "-n", "demo"], inside);
    t.after(() => tap.child.kill("SIGKILL"));
    await tap.waitFor(/^req id=\S+ proxy=in .*tls=true.* :method=GET .*:path=\//m, LIMIT_MS);
    await tap.waitFor(/^rsp id=.* :status=200/m, LIMIT_MS);
    await tap.waitFor(/^end id=/m, LIMIT_MS);
    tap.child.kill("SIGINT");
    const result = await tap.done;
    assert.equal(result.exitCode, 130, describeRun("meshctl", ["tap", "deploy/web"], result));
  });

  await t.test("top prints one table when nobody watches", async () => {
    const { stdout } = await ask("top", "deploy/web", "-n", "demo");
    assert.match(stdout, /\/checkout|\/products\/|\s\/\s/);
  });

  await t.test("check finds nothing wrong", async () => {
    const { stdout } = await ask("check");
    assert.match(stdout, /Status check results are √\s*$/);
  });

  await t.test("version finds the control plane and the proxies", async () => {
    const versions = JSON.parse((await ask("version", "--proxy", "-o", "json")).stdout);
    assert.equal(versions.server, versions.client);
    assert.deepEqual(versions.proxies, { [versions.client]: 8 });
  });

  await t.test(
    "a process outside of the mesh is answered, in the clear, as the default policy says",
    async () => {
      const options = { kubeconfig, context: undefined, as: undefined, asGroups: [], env: {} };
      const kube = await createKubeClient(options);
      try {
        const { items } = await kube.request<KubeList>("GET", "/api/v1/namespaces/demo/pods", {
          query: { labelSelector: "app=web" },
        });
        const answer = await fetch(`http://${items[0]!.status.podIP}:8080/ready`);
        assert.equal(answer.status, 200);
      } finally {
        kube.close();
      }
    },
  );

  await t.test("kubectl lists the pods, all of them ready", async (t) => {
    const kubectl = findExecutable("kubectl", process.env.PATH);
    if (!kubectl) return t.skip("kubectl is not on the PATH");
    const { stdout } = await runProcess(kubectl, ["get", "pods", "-n", "demo"], inside);
    const pods = tableRows(stdout);
    assert.equal(pods.length, 8, stdout);
    for (const [, ready, status] of pods) assert.equal(`${ready} ${status}`, "2/2 Running", stdout);
  });

  await t.test("another demo in the same folder is refused, and says where the first one is", async () => {
    const { stderr } = await runMeshctl(["demo", "--dir", dir], { ...inside, expectExit: 1 });
    assert.match(stderr, /error: a local cluster is running in .*\nhint: .*KUBECONFIG/);
  });

  await t.test("Ctrl-C ends it with exit 130 and leaves no process", async () => {
    const before = await processesWith(`MESHCTL_DEV_CLUSTER=${dir}`);
    if (before) assert.ok(before.length >= 10, `pods are found by their environment: ${before.length}`);
    demo.child.kill("SIGINT");
    const result = await demo.done;
    assert.equal(result.exitCode, 130, describeRun("meshctl", ["demo"], result));
    assert.deepEqual((await processesWith(`MESHCTL_DEV_CLUSTER=${dir}`)) ?? [], []);
    assert.ok(!existsSync(join(home, ".kube", "config")), "the user's own kubeconfig was written");
  });
});

test("meshctl demo --for judges the mesh and succeeds, also after one that was killed", {
  skip: NOT_BUILT,
}, async (t) => {
  const home = await mkdtemp(join(tmpdir(), "meshctl-e2e-"));
  t.after(() => rm(home, { recursive: true, force: true, maxRetries: 5 }));
  const dir = join(home, "cluster");
  const env = { HOME: home, KUBECONFIG: undefined, XDG_STATE_HOME: undefined, FORCE_COLOR: undefined };
  const killed = startProcess(process.execPath, [BUILT_ENTRY, "demo", "--dir", dir], { env, cwd: home });
  t.after(() => killed.child.kill("SIGKILL"));
  await killed.waitFor(/meshctl-identity is ready/, LIMIT_MS);
  killed.child.kill("SIGKILL");
  await killed.done;

  const options = { env, cwd: home, limitMs: LIMIT_MS };
  const { stdout, stderr } = await runMeshctl(["demo", "--for", "10s", "--dir", dir], options);
  if (process.platform === "linux")
    assert.match(stderr, /ended \d+ processes of a cluster that was killed here/);
  assert.match(stdout, /stat deploy -n demo\nNAME +MESHED +SUCCESS/);
  assert.match(stdout, /edges deploy -n demo\nSRC +DST/);
  assert.match(stdout, /\n8 pods are meshed, \d+ edges are secured, traffic flows\n$/);
  assert.deepEqual((await processesWith(`MESHCTL_DEV_CLUSTER=${dir}`)) ?? [], []);
});

/** Cells of a printed table, without its header. */
function tableRows(text: string): string[][] {
  return text
    .trimEnd()
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/ {1,}/));
}
