import type { Column } from "./column.ts";
import { AGE, NAME } from "./common.ts";

/** A Scale of autoscaling/v1, as `kubectl get --subresource=scale` shows it. */
export const SCALE_COLUMNS: readonly Column[] = [
  { ...NAME, format: "" },
  { name: "Desired", type: "integer", cell: (scale) => scale.spec?.replicas ?? 0 },
  { name: "Available", type: "integer", cell: (scale) => scale.status?.replicas ?? 0 },
  AGE,
];
