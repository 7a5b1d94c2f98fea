/**
 * `npm run test:cluster`: the proof on a real Kubernetes.
 *
 *   --up               start the cluster of $CLUSTER_TOOLS (default ../shared/cluster beside this project), replace the mesh in it
 *   --kubeconfig FILE  another cluster (default: $KUBECONFIG); its nodes must have or pull the two images
 *   --use-installed    test the mesh that is there; nothing is installed, replaced or removed
 *   --only PATTERN     files whose name contains it; install and uninstall stay, unless the mesh is one that was there
 *   --keep             leave namespaces and mesh behind, to look at
 *
 * With --up the API server is started again with an audit log of the control plane's requests; $CLUSTER_TEST_AUDIT_LOG names that of
 * another cluster. Without one, the comparison of rights with requests is skipped.
 *
 * Files run one after the other, in this order: installation, what needs the mesh, removal. Whatever happens, what the suite made
 * is removed at the end.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { run } from "node:test";
import { parseArgs } from "node:util";
import { importApps, missingPrograms, must } from "./cluster-apps.ts";
import { startAudit } from "./cluster-audit.ts";
import { listFiles, ROOT } from "./source-files.ts";
import report from "./test-reporter.ts";

const { values: options } = parseArgs({
  options: {
    up: { type: "boolean", default: false },
    kubeconfig: { type: "string" },
    "use-installed": { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: [] },
    keep: { type: "boolean", default: false },
  },
});

const startMs = performance.now();
const MESH_IMAGE = process.env.CLUSTER_TEST_IMAGE ?? "meshctl:dev";
const APPS_IMAGE = process.env.CLUSTER_TEST_APPS_IMAGE ?? "cluster-test-apps:dev";
const RUN = randomBytes(4).toString("hex");
const FIRST = "install";
const LAST = "uninstall";
/** What `install` makes carries the namespace of its control plane: another mesh in the same cluster is not meant. */
const OF_THE_MESH = "meshctl.io/control-plane-ns=meshctl";

process.exitCode = await main();

async function main(): Promise<number> {
  const tools = resolve(ROOT, process.env.CLUSTER_TOOLS ?? "../shared/cluster");
  const own = !options["use-installed"];
  let kubectl: Kubectl | undefined;
  // Nothing is removed before it is clear that it is ours: a mesh that was found in somebody's cluster stays.
  let isMeshOurs = false;
  try {
    if (options.up) {
      const missing = missingPrograms();
      if (missing) throw new Error(missing);
    }
    const kubeconfig = options.up ? startCluster(tools) : (options.kubeconfig ?? process.env.KUBECONFIG);
    if (!kubeconfig || !existsSync(kubeconfig)) {
      throw new Error(`no cluster: ${kubeconfig ?? "KUBECONFIG is not set"}; give --up or --kubeconfig FILE`);
    }
    kubectl = kubectlOf(resolve(kubeconfig));
    if (own) {
      prepareMesh(kubectl, resolve(kubeconfig), options.up);
      isMeshOurs = true;
    }
    if (options.up) {
      await audit(dirname(resolve(kubeconfig)), kubectl);
      step(`image ${APPS_IMAGE} of the pods' programs`, () => importApps(tools, APPS_IMAGE));
      if (own) {
        step("build", () => must(process.execPath, ["scripts/build.ts"], { cwd: ROOT }));
        step(`image ${MESH_IMAGE}`, () =>
          must(process.execPath, ["scripts/image.ts", "--import", MESH_IMAGE], {
            cwd: ROOT,
            env: { ...process.env, CLUSTER_TOOLS: tools },
          }),
        );
      }
    }
    return (await runTests(resolve(kubeconfig), own)) > 0 ? 1 : 0;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
    return 1;
  } finally {
    if (kubectl && !options.keep) cleanUp(kubectl, isMeshOurs);
    process.stdout.write(`${((performance.now() - startMs) / 1000).toFixed(0)} s in all\n`);
  }
}

interface Kubectl {
  (...args: string[]): string;
  readonly path: string;
}

function kubectlOf(kubeconfig: string): Kubectl {
  const beside = join(dirname(kubeconfig), "bin", "kubectl");
  const path = process.env.CLUSTER_TEST_KUBECTL ?? (existsSync(beside) ? beside : "kubectl");
  return Object.assign(
    (...args: string[]) => must(path, args, { env: { ...process.env, KUBECONFIG: kubeconfig } }),
    { path },
  );
}

function startCluster(tools: string): string {
  if (!existsSync(join(tools, "up.sh"))) {
    throw new Error(`${tools} holds no up.sh: set CLUSTER_TOOLS to the folder of the cluster's scripts`);
  }
  return step("cluster", () => {
    must(join(tools, "build.sh"), []);
    const said = must(join(tools, "up.sh"), []);
    const [, path] = /export KUBECONFIG=(\S+)/.exec(said) ?? [];
    if (!path) throw new Error(`up.sh did not say where its kubeconfig is:\n${said}`);
    return path;
  });
}

async function audit(dir: string, kubectl: Kubectl): Promise<void> {
  const fromMs = performance.now();
  const log = await startAudit(dir, () => kubectl("get", "--raw", "/readyz") === "ok");
  if (log !== undefined) process.env.CLUSTER_TEST_AUDIT_LOG = log;
  took(fromMs, `audit log: ${log ?? "none, for nothing tells which process the API server is"}`);
}

/** A cluster of ours gets rid of an older mesh; in anybody else's an older mesh is not ours to touch. */
function prepareMesh(kubectl: Kubectl, kubeconfig: string, ours: boolean): void {
  const found = kubectl("get", "namespace,crd", "-l", OF_THE_MESH, "-o", "name").trim();
  if (found === "") return;
  if (!ours) {
    throw new Error(`${kubeconfig} has a mesh already: test it with --use-installed, or uninstall it first`);
  }
  step("an older mesh is removed", () => removeMesh(kubectl));
}

function removeMesh(kubectl: Kubectl): void {
  // By label rather than by `meshctl uninstall`: this must work whatever state a broken version left.
  const kinds =
    "mutatingwebhookconfigurations,validatingwebhookconfigurations,clusterroles,clusterrolebindings,crd";
  kubectl("delete", kinds, "-l", OF_THE_MESH);
  kubectl("delete", "roles,rolebindings", "-A", "-l", OF_THE_MESH);
  kubectl("delete", "namespace", "-l", OF_THE_MESH, "--wait=true", "--timeout=120s");
}

async function runTests(kubeconfig: string, own: boolean): Promise<number> {
  const name = (path: string) => path.slice("test/cluster/".length, -".test.ts".length);
  const rank = (path: string) => (name(path) === FIRST ? 0 : name(path) === LAST ? 2 : 1);
  const files = listFiles("test/cluster", ".test.ts")
    .filter((path) => {
      if (rank(path) !== 1) return own;
      return options.only.length === 0 || options.only.some((pattern) => name(path).includes(pattern));
    })
    .filter((path) => rank(path) !== 2 || !options.keep)
    .sort((left, right) => rank(left) - rank(right) || (left < right ? -1 : 1));
  if (files.length === 0) throw new Error(`no file of test/cluster matches ${options.only.join(", ")}`);
  // The runner's children get this process's environment.
  Object.assign(process.env, {
    KUBECONFIG: kubeconfig,
    CLUSTER_TEST_RUN: RUN,
    CLUSTER_TEST_IMAGE: MESH_IMAGE,
    CLUSTER_TEST_APPS_IMAGE: APPS_IMAGE,
    ...(own ? { CLUSTER_TEST_OWN_MESH: "1" } : {}),
    ...(options.keep ? { CLUSTER_TEST_KEEP: "1" } : {}),
  });
  let failures = 0;
  const stream = run({ files: files.map((path) => `${ROOT}${path}`), concurrency: false, cwd: ROOT });
  stream.on("test:fail", () => failures++);
  for await (const text of stream.compose(report)) process.stdout.write(String(text));
  process.stdout.write(`\n${failures > 0 ? `${failures} failed` : "all passed"}: ${files.length} files\n`);
  return failures;
}

/** What is still there of this run. Failures are told, and do not hide the run's own. */
function cleanUp(kubectl: Kubectl, own: boolean): void {
  try {
    step("namespaces of the run are gone", () => {
      kubectl("delete", "namespace", "-l", `cluster-test/run=${RUN}`, "--timeout=180s");
      if (own) removeMesh(kubectl);
    });
  } catch (error) {
    process.exitCode = 1;
    process.stderr.write(`left behind: ${error instanceof Error ? error.message : error}\n`);
  }
}

function step<T>(what: string, work: () => T): T {
  const fromMs = performance.now();
  const value = work();
  took(fromMs, what);
  return value;
}

function took(fromMs: number, what: string): void {
  process.stdout.write(`${((performance.now() - fromMs) / 1000).toFixed(1).padStart(6)} s  ${what}\n`);
}
