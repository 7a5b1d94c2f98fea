import type { Clock } from "../base/clock.ts";
import { MeshError } from "../base/error.ts";
import { createInjector } from "../inject/annotate.ts";
import type { ResourceReport } from "../inject/resource-report.ts";
import { rewriteObjects } from "../inject/rewrite-objects.ts";
import { editStream } from "../inject/yaml/edit-stream.ts";
import { readManifest } from "../install/manifests.ts";
import { planInstall } from "../install/plan-install.ts";
import { printObjects } from "../install/print-objects.ts";
import type { ObjectApi } from "../local/object-api.ts";
import type { Values } from "../values/values.ts";
import type { Progress } from "./progress.ts";
import { waitAvailable } from "./wait-available.ts";

export const DEMO_NAMESPACE = "demo";
export const DEMO_MANIFEST = "demo/demo.yaml";

/** Longer than a loaded machine needs; a demo that is not up by then will not be. */
const READY_MS_MAX = 120_000;

export interface StartInput {
  readonly objects: Pick<ObjectApi, "list" | "watch">;
  /** What `kubectl apply -f -` does; `name` is for messages. */
  readonly apply: (yaml: string, name: string) => Promise<unknown>;
  readonly values: Values;
  readonly clock: Clock;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/**
 * Installs the mesh in a running cluster and puts the sample application into it, with the same functions as `install`,
 * `inject` and `dev apply`. Resolves when every pod is ready.
 *
 * @throws MeshError `DEMO_NOT_READY`, `DEMO_MANIFEST_INVALID`, and what applying throws
 */
export async function startDemo(input: StartInput): Promise<void> {
  const { apply, values, clock, progress, signal } = input;
  const installation = await planInstall({ values, parts: "all", nowMs: clock.now() });
  signal.throwIfAborted();
  await apply(printObjects(installation, "yaml"), "meshctl install");
  progress.step(
    `installed: ${installation.length} objects, as \`meshctl install | kubectl apply -f -\` does`,
  );
  const wait = (namespace: string) =>
    waitAvailable({
      objects: input.objects,
      namespace,
      clock,
      limitMs: READY_MS_MAX,
      signal,
      onAvailable: (name, replicas) =>
        progress.step(`${namespace}/${name} is ready${replicas > 1 ? ` (${replicas} pods)` : ""}`),
    });
  await wait(values.namespace);
  await apply(injectSample(readManifest(DEMO_MANIFEST)), DEMO_MANIFEST);
  progress.step(
    "sample application injected and applied, as `meshctl inject demo.yaml | kubectl apply -f -` does",
  );
  await wait(DEMO_NAMESPACE);
}

/** The manifest as `meshctl inject` prints it. */
export function injectSample(text: string): string {
  const reports: ResourceReport[] = [];
  const injector = createInjector({ inject: "enabled", overrides: {}, manual: undefined });
  const result = editStream(text, rewriteObjects(injector, reports), { fullData: false });
  const [problem] = result.problems;
  const failure = reports.find((report) => report.failure !== undefined)?.failure;
  if (problem || failure !== undefined) {
    const where = problem ? `:${problem.line}:${problem.column}` : "";
    throw new MeshError({
      kind: "bug",
      code: "DEMO_MANIFEST_INVALID",
      message: `manifests/${DEMO_MANIFEST}${where} cannot be injected: ${problem?.message ?? failure}`,
    });
  }
  return result.text;
}
