import { createHash } from "node:crypto";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { systemClock } from "../src/base/clock.ts";
import { formatGoDuration } from "../src/base/duration.ts";
import { MeshError, toMeshError } from "../src/base/error.ts";
import { VERSION } from "../src/base/version.ts";
import type { Command, CommandContext } from "../src/cli/command.ts";
import { findExecutable } from "../src/cli/plugins.ts";
import type { Progress } from "../src/demo/progress.ts";
import type { KubeClient } from "../src/kube/client.ts";
import type { LocalCluster } from "../src/local/cluster.ts";
import { defaultValues } from "../src/values/defaults.ts";
import { LOCAL_VALUES } from "../src/values/local.ts";
import type { Values } from "../src/values/values.ts";
import { startCluster } from "./dev/start-cluster.ts";

const WINDOW_MS_MIN = 10_000;
const WINDOW_MS_MAX = 60_000;

export const command: Command = {
  name: "demo",
  summary: "local cluster, mesh and a sample application, with a live table",
  description:
    "Starts a Kubernetes-shaped cluster of local processes, installs the mesh, injects and applies a sample application, and\n" +
    "shows its traffic until q or Ctrl-C. Nothing but Node is needed; your own kubeconfig is not touched.\n" +
    "With --for it ends by itself, prints the final tables, and succeeds only if every pod is meshed, every edge is secured and\n" +
    "traffic flowed.",
  flags: [
    { name: "for", type: "duration", summary: "run that long after the start, then judge and end" },
    {
      name: "dir",
      type: "string",
      placeholder: "FOLDER",
      summary:
        "where kubeconfig and logs lie (default: in your state folder, another one for each working directory)",
    },
  ],
  examples: [
    { command: "meshctl demo", does: "look at a mesh" },
    { command: "meshctl demo --for 30s", does: "check that a mesh works on this machine" },
  ],
  async run(options, _args, context) {
    const { console, env, cwd } = context;
    const { createProgress } = await import("../src/demo/progress.ts");
    const progress = createProgress(systemClock, (text) => console.stderr.write(text));
    const dir = options.dir === undefined ? defaultDir(env, cwd) : resolve(cwd, options.dir as string);
    const onProgress = (message: string) => progress.step(message);
    const cluster = await startCluster(context, { dir, quietLevel: "error", onProgress });
    try {
      const kube = await connect(cluster, env);
      try {
        await startMesh(cluster, kube, progress, context);
        const invitation = await invite(cluster, context);
        return await watch(kube, options.for as number | undefined, invitation, context, progress);
      } finally {
        kube.close();
      }
    } finally {
      console.stderr.write("stopping ...\n");
      await cluster.stop();
    }
  },
};

async function startMesh(
  cluster: LocalCluster,
  kube: KubeClient,
  progress: Progress,
  { console, signal }: CommandContext,
): Promise<void> {
  const [{ startDemo }, { readFailedLogs }, { PODS }, { applyManifests }] = await Promise.all([
    import("../src/demo/start.ts"),
    import("../src/demo/failed-logs.ts"),
    import("../src/local/resources.ts"),
    import("../src/local/apply-manifests.ts"),
  ]);
  try {
    await startDemo({
      objects: cluster.objects,
      apply: (yaml, name) => applyManifests(kube, yaml, { file: name }),
      values: localValues(),
      clock: systemClock,
      progress,
      signal,
    });
  } catch (caught) {
    if (toMeshError(caught).code === "DEMO_NOT_READY") {
      console.stderr.write(await readFailedLogs(kube, cluster.objects.list(PODS)));
    }
    throw caught;
  }
  progress.step("every pod is ready");
}

function localValues(): Values {
  const values = defaultValues(VERSION);
  return { ...values, ...LOCAL_VALUES, proxy: { ...values.proxy, ...LOCAL_VALUES.proxy } };
}

async function connect(cluster: LocalCluster, env: CommandContext["env"]): Promise<KubeClient> {
  const { createKubeClient } = await import("../src/kube/connect.ts");
  const { kubeconfigPath: kubeconfig } = cluster;
  return createKubeClient({ kubeconfig, context: undefined, as: undefined, asGroups: [], env });
}

/** Prints what else there is to do. @returns the same text, to stand above the live table */
async function invite(cluster: LocalCluster, { console, env }: CommandContext): Promise<string> {
  const { renderInvitation } = await import("../src/demo/invitation.ts");
  const invitation = renderInvitation({
    kubeconfigPath: cluster.kubeconfigPath,
    program: programName(env),
    hasKubectl: findExecutable("kubectl", env.PATH) !== undefined,
  });
  console.stdout.write(invitation);
  return invitation;
}

/** In a clone, under npm, there is no `meshctl` on the user's PATH. */
function programName(env: CommandContext["env"]): string {
  return env.npm_execpath === undefined ? "meshctl" : "npx meshctl";
}

/** Shows the live table until time, user or signal ends it; with a time, judges. */
async function watch(
  kube: KubeClient,
  forMs: number | undefined,
  invitation: string,
  context: CommandContext,
  progress: Progress,
): Promise<{ exitCode: number }> {
  const { console, env, signal } = context;
  const { reportDemo, STAT_VIEW, statQuery } = await import("../src/demo/report.ts");
  const over = new AbortController();
  const ended = AbortSignal.any([signal, over.signal]);
  const timer = forMs === undefined ? undefined : systemClock.schedule(forMs, () => over.abort());
  try {
    if (console.stdout.isTty && console.stdin.isTty) {
      const [{ showWatchScreen }, { collectStat }, { describeCoverage, summarizeCoverage }, { statTables }] =
        await Promise.all([
          import("../src/views/watch-screen.ts"),
          import("../src/collect/stat.ts"),
          import("../src/collect/stats.ts"),
          import("../src/views/stat-table.ts"),
        ]);
      // Leaving the table (q, Ctrl-C) is how the user ends the demo before its time.
      await showWatchScreen({
        console,
        signal: ended,
        clock: systemClock,
        intro: invitation.trim().concat("\n"),
        refresh: async (stop) => {
          const { tables, coverage } = await collectStat(kube, statQuery(WINDOW_MS_MIN), stop);
          return {
            tables: statTables(tables, STAT_VIEW),
            data: [],
            empty: "No traffic found.",
            notices: [describeCoverage(coverage) ?? []].flat(),
            footer: summarizeCoverage(coverage),
          };
        },
      });
    } else {
      if (forMs === undefined) console.stderr.write("running until Ctrl-C\n");
      await abortOf(ended);
    }
  } finally {
    timer?.cancel();
  }
  if (forMs === undefined) return { exitCode: 0 };
  signal.throwIfAborted();
  progress.step(`ran for ${formatGoDuration(forMs)}; asking the proxies`);
  const windowMs = Math.min(WINDOW_MS_MAX, Math.max(WINDOW_MS_MIN, forMs));
  const columns = console.stdout.isTty ? console.stdout.columns : undefined;
  const report = await reportDemo(kube, { windowMs, program: programName(env), columns, signal });
  console.stdout.write(`${report.text}\n`);
  if (report.problems.length > 0) {
    throw new MeshError({
      kind: "environment",
      code: "DEMO_NOT_WELL",
      message: `the mesh is not well:\n- ${report.problems.join("\n- ")}`,
      hint: "run it again and longer, for example --for 1m; if that does not help, the pods' logs may",
    });
  }
  console.stdout.write(`${report.pods} pods are meshed, ${report.edges} edges are secured, traffic flows\n`);
  return { exitCode: 0 };
}

function abortOf(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((done) => signal.addEventListener("abort", () => done(), { once: true }));
}

/** Two working directories may run it at once; the same one finds what a killed demo left there. */
function defaultDir(env: CommandContext["env"], cwd: string): string {
  const state = env.XDG_STATE_HOME || join(env.HOME || homedir(), ".local", "state");
  const place = createHash("sha256").update(cwd).digest("hex").slice(0, 12);
  return join(state, "meshctl", `demo-${place}`);
}
