import type { ResourceInfo } from "../resource-info.ts";
import type { Column } from "./column.ts";
import { NAME } from "./common.ts";
import { CONFIG_COLUMNS } from "./config.ts";
import { customColumns } from "./custom.ts";
import { EVENT_COLUMNS } from "./event.ts";
import { NETWORK_COLUMNS } from "./network.ts";
import { NODE_COLUMNS } from "./node.ts";
import { POD_COLUMNS } from "./pod.ts";
import { WORKLOAD_COLUMNS } from "./workload.ts";

const COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  ...POD_COLUMNS,
  ...WORKLOAD_COLUMNS,
  ...NETWORK_COLUMNS,
  ...CONFIG_COLUMNS,
  ...NODE_COLUMNS,
  ...EVENT_COLUMNS,
};

/** The columns of a resource; name and age for what has none of its own. */
export function columnsOf(resource: ResourceInfo): readonly Column[] {
  if (resource.crd) return customColumns(resource.crd);
  return COLUMNS[resource.bucket] ?? DEFAULT;
}

const DEFAULT: readonly Column[] = [
  NAME,
  { name: "Created At", type: "date", cell: (object) => object.metadata.creationTimestamp ?? "" },
];
