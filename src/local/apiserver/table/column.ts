import type { KubeObject } from "../../../base/kube-object.ts";

/** One column of a table. */
export interface Column {
  readonly name: string;
  /** Default `string`. */
  readonly type?: "string" | "integer" | "number" | "boolean" | "date";
  /** 1 is shown by `-o wide` only. Default 0. */
  readonly priority?: number;
  /** Default: `name` for the column of that name, else "". */
  readonly format?: string;
  readonly description?: string;
  readonly cell: (object: KubeObject, nowMs: number) => unknown;
}
