import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { processesOf } from "../../../src/local/leftovers.ts";
import {
  ROOT,
  type RunningProcess,
  type RunOptions,
  runProcess,
  startProcess,
} from "../../support/run-process.ts";
import { until } from "../../support/until.ts";

const ENTRY = `${ROOT}commands/main.ts`;
const POD = `
apiVersion: v1
kind: Pod
metadata:
  name: talker
  namespace: default
  labels: { app: talker }
  annotations: { dev.meshctl.io/command.app: "sh -c 'echo hello from $HOSTNAME; exec sleep 1000'" }
spec: { containers: [{ name: app, image: example/talker }] }
`;

let dir: string;
let dev: RunningProcess;

const run = (args: readonly string[], options: RunOptions = {}) =>
  runProcess(process.execPath, [ENTRY, "dev", ...args, "--dir", dir], {
    env: { KUBECONFIG: undefined },
    ...options,
  });

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "meshctl-dev-"));
  dev = startProcess(process.execPath, [ENTRY, "dev", "--dir", dir], { env: { KUBECONFIG: undefined } });
  await dev.waitFor(/export KUBECONFIG=\S+/);
});
after(async () => {
  if (dev.child.exitCode === null) dev.child.kill("SIGKILL");
  for (const pid of await processesOf(dir)) process.kill(pid, "SIGKILL");
  await rm(dir, { recursive: true, force: true });
});

describe("meshctl dev", { concurrency: false }, () => {
  test("prints the line that selects its kubeconfig, alone on stdout", () => {
    assert.equal(dev.stdout(), `export KUBECONFIG=${join(dir, "kubeconfig")}\n`);
    assert.match(dev.stderr(), /API server on https:\/\/127\.0\.0\.1:\d+/);
  });

  test("apply creates from standard input, then finds nothing to change", async () => {
    assert.equal((await run(["apply", "-f", "-"], { stdin: POD })).stdout, "pod/talker created\n");
    assert.equal((await run(["apply", "-f", "-"], { stdin: POD })).stdout, "pod/talker unchanged\n");
  });

  test("logs follow a container's output, get shows tables, JSON and YAML", async () => {
    await until("output", async () => {
      const { stdout } = await run(["logs", "talker"], { expectExit: "any" });
      return stdout === "hello from talker\n";
    });
    const { stdout: table } = await run(["get", "po", "-l", "app=talker"]);
    assert.match(table, /^NAME +READY +STATUS +RESTARTS +AGE\ntalker +1\/1 +Running +0 +\d+s\n$/);
    assert.match((await run(["get", "pods", "-A"])).stdout, /^NAMESPACE +NAME/);
    const { stdout: json } = await run(["get", "pod", "talker", "-o", "json"]);
    assert.equal(JSON.parse(json).metadata.name, "talker");
    assert.match((await run(["get", "pod", "talker", "-o", "yaml"])).stdout, /^ {2}name: talker$/m);
  });

  test("a kind and a name may be one word, and a deployment stands for a pod of its own", async () => {
    assert.match((await run(["get", "po/talker"])).stdout, /^talker +1\/1/m);
    const twice = await run(["get", "po/talker", "talker"], { expectExit: 1 });
    assert.match(twice.stderr, /"po\/talker" has a name already/);
    assert.match((await run(["logs", "pod/talker"])).stdout, /^hello from talker$/m);
    const deployment = `{apiVersion: apps/v1, kind: Deployment, metadata: {name: many}, spec: {replicas: 2,
      selector: {matchLabels: {app: many}}, template: {metadata: {labels: {app: many}, annotations: {
      dev.meshctl.io/command.app: "sh -c 'echo one of many; exec sleep 1000'"}}, spec: {containers: [{name: app, image: x}]}}}}`;
    await run(["apply", "-f", "-"], { stdin: deployment });
    await until("output", async () => {
      const { stdout, stderr } = await run(["logs", "deploy/many"], { expectExit: "any" });
      return stdout === "one of many\n" && /^of 2 pods: many-/.test(stderr);
    });
    await run(["delete", "deploy/many"]);
    const gone = await run(["logs", "deploy/many"], { expectExit: 1 });
    assert.match(gone.stderr, /deployments\.apps "many" not found/);
    const which = await run(["delete", "deploy"], { expectExit: 1 });
    assert.match(which.stderr, /which deploy\?.*\nhint: .*dev get deploy/);
  });

  test("a field that the API does not know is refused, as kubectl does", async () => {
    const stdin = "{apiVersion: v1, kind: ConfigMap, metadata: {name: typo}, dta: {a: b}}";
    const { stderr } = await run(["apply", "-f", "-"], { stdin, expectExit: 1 });
    assert.match(stderr, /stdin, document 1, line 1, configmap\/typo: .*unknown field "dta"/);
  });

  test("a folder that is a file is an error of the user's", async () => {
    const file = join(dir, "file");
    await writeFile(file, "");
    const { stderr } = await runProcess(process.execPath, [ENTRY, "dev", "--dir", file], { expectExit: 1 });
    assert.match(
      stderr,
      /^error: .*file cannot be the folder of a cluster: a file is in the way\nhint: .*--dir/,
    );
  });

  test("a port that is none, or taken, is an error with a line of what to do", async () => {
    const other = join(dir, "other");
    const start = (port: string) =>
      runProcess(process.execPath, [ENTRY, "dev", "--dir", other, `--api-port=${port}`], { expectExit: 1 });
    for (const port of ["99999", "-1", "1.5"]) {
      assert.match((await start(port)).stderr, /^error: --api-port \S+ is no port\nhint: /);
    }
    const taken = /127\.0\.0\.1:(\d+)/.exec(dev.stderr())![1]!;
    assert.match((await start(taken)).stderr, new RegExp(`^error: .*${taken}.*\\nhint: `));
  });

  test("errors name the file, document and line, and leave everything as it was", async () => {
    const file = join(dir, "broken.yaml");
    await writeFile(file, `${POD}---\napiVersion: v1\nkind: Pod\nmetadata: [\n`);
    const broken = await run(["apply", "-f", file], { expectExit: 1 });
    assert.match(broken.stderr, /broken\.yaml, document 2, line \d+, column \d+/);
    const unknown = await run(["apply", "-f", "-"], {
      stdin: "\n\n{apiVersion: v1, kind: Nothing, metadata: {name: a}}",
      expectExit: 1,
    });
    assert.match(unknown.stderr, /stdin, document 1, line 3: the cluster serves no kind "Nothing"/);
    const invalid = await run(["apply", "-f", "-"], {
      stdin: "{apiVersion: v1, kind: ConfigMap, metadata: {name: UPPER}}",
      expectExit: 1,
    });
    assert.match(invalid.stderr, /stdin, document 1, line 1, configmap\/UPPER: /);
    assert.match((await run(["get", "nothings"], { expectExit: 1 })).stderr, /no resource "nothings"/);
    assert.match((await run(["apply"], { expectExit: 1 })).stderr, /-f FILE/);
  });

  test("delete ends by name and by manifest", async () => {
    assert.equal((await run(["delete", "-f", "-"], { stdin: POD })).stdout, "pod/talker deleted\n");
    await until("process to end", async () => (await processesOf(dir)).length === 0);
    const again = await run(["delete", "-f", "-"], { stdin: POD });
    assert.deepEqual([again.stdout, again.stderr], ["", "pod/talker was not there\n"]);
    const absent = await run(["delete", "pod", "talker"], { expectExit: 1 });
    assert.match(absent.stderr, /talker/);
  });

  test("without a cluster the verbs say how to start one", async () => {
    const other = join(dir, "nothing-here");
    const result = await runProcess(process.execPath, [ENTRY, "dev", "get", "pods", "--dir", other], {
      expectExit: 1,
    });
    assert.match(result.stderr, /no local cluster has been started in .*nothing-here\nhint: .*meshctl dev/);
  });

  test("an interrupt ends every pod", async () => {
    await run(["apply", "-f", "-"], { stdin: POD });
    await until("process", async () => (await processesOf(dir)).length > 0);
    dev.child.kill("SIGINT");
    const { exitCode } = await dev.done;
    assert.equal(exitCode === 0 || exitCode === 130, true, `exit ${exitCode}`);
    assert.deepEqual(await processesOf(dir), []);
  });
});
