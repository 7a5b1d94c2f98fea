import type { KubeObject } from "../../../base/kube-object.ts";
import type { ResourceInfo } from "../resource-info.ts";
import type { Column } from "./column.ts";
import { columnsOf } from "./columns.ts";

export type IncludeObject = "None" | "Metadata" | "Object";

/** `Table` of meta.k8s.io/v1: what kubectl prints. */
export function renderTable(
  resource: ResourceInfo,
  objects: readonly KubeObject[],
  include: IncludeObject,
  nowMs: number,
  withColumns: boolean,
  columns: readonly Column[] = columnsOf(resource),
): Record<string, unknown> {
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata: {},
    columnDefinitions: withColumns ? columns.map(definitionOf) : null,
    rows: objects.map((object) => ({
      cells: columns.map((column) => column.cell(object, nowMs) ?? null),
      ...rowConditions(resource, object),
      ...(include === "None" ? {} : { object: include === "Object" ? object : partialMetadata(object) }),
    })),
  };
}

/** A pod that is over is marked, so that clients may hide it. */
function rowConditions(resource: ResourceInfo, object: KubeObject): Record<string, unknown> {
  const phase = object.status?.phase as string | undefined;
  if (resource.bucket !== "/pods" || (phase !== "Succeeded" && phase !== "Failed")) return {};
  const message = phase === "Succeeded" ? "The pod has completed successfully." : "The pod failed.";
  return { conditions: [{ type: "Completed", status: "True", reason: phase, message }] };
}

export function partialMetadata(object: KubeObject): Record<string, unknown> {
  return { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata };
}

function definitionOf(column: Column): Record<string, unknown> {
  return {
    name: column.name,
    type: column.type ?? "string",
    format: column.format ?? (column.name === "Name" ? "name" : ""),
    description: column.description ?? column.name,
    priority: column.priority ?? 0,
  };
}
