import { readFile, rename, writeFile } from "node:fs/promises";
import type { Clock, Timer } from "../base/clock.ts";
import { MeshError, systemErrorCode } from "../base/error.ts";
import type { KubeObject } from "../base/kube-object.ts";
import type { Logger } from "../base/log.ts";
import type { Store } from "./apiserver/store.ts";
import { isPodFinished } from "./controllers/pod-readiness.ts";

/** An object and the resource under which the store has it. */
export interface SavedObject {
  readonly bucket: string;
  readonly object: KubeObject;
}

/** How long changes are gathered before they are written. A cluster that is killed loses these. */
const SAVE_AFTER_MS = 500;

/** What speaks of a moment, or is made anew by the cluster that starts. */
const PASSING = new Set([
  "/events",
  "/endpoints",
  "/nodes",
  "coordination.k8s.io/leases",
  "discovery.k8s.io/endpointslices",
]);

/**
 * Reads what `startSaving` wrote. Undefined when there is nothing.
 *
 * @returns the objects, and the version that the store had
 * @throws MeshError `DEV_OBJECTS_UNREADABLE`
 */
export async function readObjects(
  file: string,
): Promise<{ readonly version: number; readonly objects: readonly SavedObject[] } | undefined> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (caught) {
    if (systemErrorCode(caught) === "ENOENT") return undefined;
    throw unreadable(file, caught);
  }
  try {
    const [head, ...lines] = text.trimEnd().split("\n");
    const { version } = JSON.parse(head!) as { version: number };
    return { version, objects: lines.map((line) => JSON.parse(line) as SavedObject) };
  } catch (caught) {
    throw unreadable(file, caught);
  }
}

/**
 * The objects as a cluster starts with them: pods are to be run again, unless they had ended; what was leaving has left; Services keep
 * their addresses where the network still has them.
 *
 * @param allocate takes an address, or any when undefined; undefined when it is not to be had
 */
export function restoreObjects(
  saved: readonly SavedObject[],
  allocate: (wanted: string | undefined) => string | undefined,
): SavedObject[] {
  const kept = saved.filter(
    ({ bucket, object }) =>
      !PASSING.has(bucket) &&
      !(bucket === "/pods" && object.metadata.deletionTimestamp) &&
      // The API server announces itself with the port that it has now.
      !(
        bucket === "/services" &&
        object.metadata.namespace === "default" &&
        object.metadata.name === "kubernetes"
      ),
  );
  return kept.map(({ bucket, object }) => {
    if (bucket === "/pods") return { bucket, object: podToRun(object) };
    if (bucket === "/services") return { bucket, object: serviceWithAddress(object, allocate) };
    return { bucket, object };
  });
}

function podToRun(pod: KubeObject): KubeObject {
  if (isPodFinished(pod)) return pod;
  const { nodeName: _node, ...spec } = pod.spec;
  const { qosClass } = pod.status ?? {};
  return { ...pod, spec, status: { phase: "Pending", ...(qosClass ? { qosClass } : {}) } };
}

function serviceWithAddress(
  service: KubeObject,
  allocate: (wanted: string | undefined) => string | undefined,
): KubeObject {
  const { clusterIP } = service.spec;
  if (!clusterIP || clusterIP === "None") return service;
  const ip = allocate(clusterIP) ?? allocate(undefined);
  return ip === undefined
    ? service
    : { ...service, spec: { ...service.spec, clusterIP: ip, clusterIPs: [ip] } };
}

/** Writes the store to a file, again after each change. `stop` writes what is not written yet. */
export function startSaving(
  store: Store,
  { file, clock, log }: { readonly file: string; readonly clock: Clock; readonly log: Logger },
): { stop(): Promise<void> } {
  let timer: Timer | undefined;
  let writing: Promise<void> = Promise.resolve();
  let isStopped = false;
  const save = (): Promise<void> => {
    timer?.cancel();
    timer = undefined;
    writing = writing
      .then(() => write(store, file))
      .catch((caught: unknown) => {
        log.warn("the cluster's objects were not saved", { file, error: (caught as Error).message });
      });
    return writing;
  };
  const touch = (): void => {
    if (!isStopped) timer ??= clock.schedule(SAVE_AFTER_MS, () => void save());
  };
  const stopObserving = store.observe(touch);
  touch();
  return {
    async stop() {
      isStopped = true;
      stopObserving();
      await save();
    },
  };
}

async function write(store: Store, file: string): Promise<void> {
  const lines = [JSON.stringify({ version: store.version })];
  for (const bucket of store.buckets()) {
    if (PASSING.has(bucket)) continue;
    for (const object of store.list(bucket)) {
      lines.push(`{"bucket":${JSON.stringify(bucket)},"object":${store.encode(object)}}`);
    }
  }
  // Beside it first: a reader finds the old file or the new one, never half of one. Secrets are in it.
  await writeFile(`${file}.new`, `${lines.join("\n")}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

function unreadable(file: string, cause: unknown): MeshError {
  return new MeshError({
    kind: "environment",
    code: "DEV_OBJECTS_UNREADABLE",
    message: `the objects of the last cluster cannot be read from ${file}: ${(cause as Error).message}`,
    hint: "start without them: meshctl dev --fresh",
    cause,
  });
}
