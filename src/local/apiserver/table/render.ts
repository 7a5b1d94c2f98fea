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
): Record<string, unknown> {
  const columns = columnsOf(resource);
  return {
    kind: "Table",
    apiVersion: "meta.k8s.io/v1",
    metadata: {},
    columnDefinitions: withColumns ? columns.map(definitionOf) : null,
    rows: objects.map((object) => ({
      cells: columns.map((column) => column.cell(object, nowMs) ?? null),
      ...(include === "None" ? {} : { object: include === "Object" ? object : partialMetadata(object) }),
    })),
  };
}

export function partialMetadata(object: KubeObject): Record<string, unknown> {
  return { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata };
}

function definitionOf(column: Column): Record<string, unknown> {
  return {
    name: column.name,
    type: column.type ?? "string",
    format: column.name === "Name" ? "name" : "",
    description: column.description ?? column.name,
    priority: column.priority ?? 0,
  };
}
