import type { KubeObject } from "../../../base/kube-object.ts";
import { age, humanDuration } from "./age.ts";
import type { Column } from "./column.ts";
import { AGE, labelText, NAME, selectorText, wide } from "./common.ts";

const CONTAINERS = wide({ name: "Containers", cell: (object) => containerList(object, "name") });
const IMAGES = wide({ name: "Images", cell: (object) => containerList(object, "image") });
const SELECTOR = wide({ name: "Selector", cell: (object) => selectorText(object.spec?.selector) });

function status(name: string, field: string, type: "integer" | "string" = "integer"): Column {
  return { name, type, cell: (object) => object.status?.[field] ?? 0 };
}

const DESIRED: Column = { name: "Desired", type: "integer", cell: (object) => object.spec?.replicas ?? 0 };

export const WORKLOAD_COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  "apps/deployments": [
    NAME,
    { name: "Ready", cell: readyOf },
    status("Up-to-date", "updatedReplicas", "string"),
    status("Available", "availableReplicas", "string"),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
  ],
  "apps/replicasets": [
    NAME,
    DESIRED,
    status("Current", "replicas"),
    status("Ready", "readyReplicas"),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
  ],
  "/replicationcontrollers": [
    NAME,
    DESIRED,
    status("Current", "replicas"),
    status("Ready", "readyReplicas"),
    AGE,
    CONTAINERS,
    IMAGES,
    wide({ name: "Selector", cell: (object) => labelText(object.spec?.selector) }),
  ],
  "apps/statefulsets": [NAME, { name: "Ready", cell: readyOf }, AGE, CONTAINERS, IMAGES],
  "apps/daemonsets": [
    NAME,
    status("Desired", "desiredNumberScheduled"),
    status("Current", "currentNumberScheduled"),
    status("Ready", "numberReady"),
    status("Up-to-date", "updatedNumberScheduled"),
    status("Available", "numberAvailable"),
    { name: "Node Selector", cell: (object) => labelText(object.spec?.template?.spec?.nodeSelector) },
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
  ],
  "apps/controllerrevisions": [
    NAME,
    { name: "Controller", cell: controllerText },
    { name: "Revision", type: "integer", cell: (revision) => revision.revision },
    AGE,
  ],
  "batch/jobs": [
    NAME,
    { name: "Status", cell: jobStatus },
    { name: "Completions", cell: completionsOf },
    { name: "Duration", cell: jobDuration },
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
  ],
  "batch/cronjobs": [
    NAME,
    { name: "Schedule", cell: (cron) => cron.spec?.schedule ?? "" },
    { name: "Timezone", cell: (cron) => cron.spec?.timeZone ?? "<none>" },
    { name: "Suspend", type: "boolean", cell: (cron) => (cron.spec?.suspend ? "True" : "False") },
    { name: "Active", type: "integer", cell: (cron) => (cron.status?.active ?? []).length },
    {
      name: "Last Schedule",
      cell: (cron, nowMs) =>
        cron.status?.lastScheduleTime ? age(cron.status.lastScheduleTime, nowMs) : "<none>",
    },
    AGE,
    wide({ name: "Containers", cell: (cron) => containerList(jobOf(cron), "name") }),
    wide({ name: "Images", cell: (cron) => containerList(jobOf(cron), "image") }),
    wide({ name: "Selector", cell: (cron) => selectorText(jobOf(cron).spec?.selector) }),
  ],
};

function readyOf(object: KubeObject): string {
  return `${object.status?.readyReplicas ?? 0}/${object.spec?.replicas ?? 0}`;
}

/** `statefulset.apps/web`: who manages the object. */
function controllerText(object: KubeObject): string {
  const owner = object.metadata.ownerReferences?.find(({ controller }) => controller);
  if (!owner) return "<none>";
  const group = owner.apiVersion.includes("/") ? `.${owner.apiVersion.split("/")[0]}` : "";
  return `${owner.kind.toLowerCase()}${group}/${owner.name}`;
}

/** What a CronJob makes. */
function jobOf(cron: KubeObject): KubeObject {
  return (cron.spec?.jobTemplate ?? {}) as KubeObject;
}

function containerList(object: KubeObject, field: "name" | "image"): string {
  const containers: { name: string; image: string }[] = object.spec?.template?.spec?.containers ?? [];
  return containers.map((container) => container[field]).join(",");
}

function jobStatus(job: KubeObject): string {
  const conditions: { type: string; status: string }[] = job.status?.conditions ?? [];
  const is = (type: string) => conditions.some((each) => each.type === type && each.status === "True");
  if (is("Complete")) return "Complete";
  if (is("Failed")) return "Failed";
  if (job.metadata.deletionTimestamp) return "Terminating";
  return is("Suspended") ? "Suspended" : "Running";
}

function completionsOf(job: KubeObject): string {
  const { completions, parallelism = 1 } = job.spec ?? {};
  const wanted = completions ?? (parallelism > 1 ? `1 of ${parallelism}` : 1);
  return `${job.status?.succeeded ?? 0}/${wanted}`;
}

function jobDuration(job: KubeObject, nowMs: number): string {
  const started = job.status?.startTime;
  if (!started) return "";
  const ended = job.status?.completionTime;
  return humanDuration((ended ? Date.parse(ended) : nowMs) - Date.parse(started));
}
