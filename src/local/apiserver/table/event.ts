import type { KubeObject } from "../../../base/kube-object.ts";
import { age } from "./age.ts";
import type { Column } from "./column.ts";
import { wide } from "./common.ts";

/** Events are kept in the core form, and may be shown in the form of events.k8s.io. */
const subjectOf = (event: KubeObject) => event.involvedObject ?? event.regarding ?? {};
const messageOf = (event: KubeObject): string => event.message ?? event.note ?? "";

/** `kubelet, node-1` */
function sourceOf(event: KubeObject): string {
  const source = event.source ?? event.deprecatedSource ?? {};
  const component: string = source.component || event.reportingComponent || event.reportingController || "";
  const host: string = source.component ? (source.host ?? "") : (event.reportingInstance ?? "");
  return host === "" ? component : `${component}, ${host}`;
}

export const EVENT_COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  "/events": [
    { name: "Last Seen", cell: lastSeen },
    { name: "Type", cell: (event) => event.type ?? "" },
    { name: "Reason", cell: (event) => event.reason ?? "" },
    {
      name: "Object",
      cell: (event) => `${String(subjectOf(event).kind ?? "").toLowerCase()}/${subjectOf(event).name ?? ""}`,
    },
    wide({ name: "Subobject", cell: (event) => subjectOf(event).fieldPath ?? "" }),
    wide({ name: "Source", cell: sourceOf }),
    { name: "Message", cell: (event) => messageOf(event).trim() },
    wide({ name: "First Seen", cell: (event, nowMs) => age(firstTime(event), nowMs) }),
    wide({ name: "Count", cell: countOf }),
    wide({ name: "Name", cell: (event) => event.metadata.name ?? "" }),
  ],
};

function firstTime(event: KubeObject): string | undefined {
  return (
    event.firstTimestamp ??
    event.deprecatedFirstTimestamp ??
    event.eventTime ??
    event.metadata.creationTimestamp
  );
}

function countOf(event: KubeObject): number {
  return event.series?.count ?? event.count ?? event.deprecatedCount ?? 1;
}

function lastSeen(event: KubeObject, nowMs: number): string {
  const last =
    event.series?.lastObservedTime ??
    event.lastTimestamp ??
    event.deprecatedLastTimestamp ??
    firstTime(event);
  return age(last, nowMs);
}
