import type { CompiledCrd } from "./crd/compiled-crd.ts";

/** One resource as the API server knows it: built-in, or from a CustomResourceDefinition. */
export interface ResourceInfo {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly string[];
  readonly subresources: readonly Subresource[];
  /** Whether a change of anything but metadata and status bumps `metadata.generation`. */
  readonly hasGeneration: boolean;
  /** Row of the field table, for built-in kinds. */
  readonly fields: string | undefined;
  /** Where its objects are kept; the versions of one resource share it. */
  readonly bucket: string;
  readonly crd: CompiledCrd | undefined;
}

export interface Subresource {
  readonly name: string;
  readonly kind: string;
  /** Group and version of the kind, when they are not the resource's. */
  readonly group?: string;
  readonly version?: string;
  readonly verbs: readonly string[];
}

export const ALL_VERBS = [
  "create",
  "delete",
  "deletecollection",
  "get",
  "list",
  "patch",
  "update",
  "watch",
] as const;

/** `v1`, or `apps/v1`. */
export function apiVersionOf(resource: { readonly group: string; readonly version: string }): string {
  return resource.group === "" ? resource.version : `${resource.group}/${resource.version}`;
}
