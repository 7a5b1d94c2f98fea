import type { KubeObject } from "../../../base/kube-object.ts";
import { deepEqual } from "../deep-equal.ts";
import { apiVersionOf, type ResourceInfo } from "../resource-info.ts";
import { apiError, type StatusCause } from "../status.ts";
import {
  changedFields,
  describeFields,
  difference,
  type FieldSet,
  fieldsIn,
  intersection,
  isEmpty,
  union,
} from "./field-set.ts";
import { shapeOf } from "./field-shape.ts";
import { mergeApplied, withoutFields } from "./merge-applied.ts";

/** An entry of `metadata.managedFields`. */
export interface ManagedFields {
  readonly manager: string;
  readonly operation: "Apply" | "Update";
  readonly apiVersion: string;
  readonly time: string;
  readonly fieldsType: "FieldsV1";
  readonly fieldsV1: FieldSet;
  readonly subresource?: string;
}

/** Who writes. */
export interface FieldManager {
  readonly name: string;
  readonly subresource?: string | undefined;
}

/** What the server owns is nobody's: identity, times, counters. */
const SERVER_OWNED: FieldSet = {
  "f:apiVersion": {},
  "f:kind": {},
  "f:metadata": Object.fromEntries(
    [
      "name",
      "namespace",
      "uid",
      "resourceVersion",
      "generation",
      "creationTimestamp",
      "deletionTimestamp",
      "deletionGracePeriodSeconds",
      "managedFields",
      "selfLink",
      "generateName",
    ].map((name) => [`f:${name}`, {}]),
  ),
};

function ownable(set: FieldSet): FieldSet {
  const rest = difference(set, SERVER_OWNED);
  const metadata = rest["f:metadata"];
  return metadata && isEmpty(difference(metadata, { ".": {} }))
    ? difference(rest, { "f:metadata": metadata })
    : rest;
}

/**
 * Server-side apply: the live object with what a manager applied, and who owns what then.
 *
 * Fields that the manager applied before and leaves out now go, unless somebody else owns them too. A field that another manager owns
 * and that would change is a conflict, unless forced; then it is the applier's alone.
 *
 * Objects that nobody has applied yet have no owners here: what they hold counts as one manager's, `before-first-apply`, as in Kubernetes.
 *
 * @param live undefined: the object is created by this
 * @throws MeshError 409 that names the managers and fields in conflict
 */
export function applyFields(
  resource: ResourceInfo,
  live: KubeObject | undefined,
  applied: KubeObject,
  manager: FieldManager,
  force: boolean,
  now: string,
): KubeObject {
  const shape = shapeOf(resource);
  const wanted = ownable(fieldsIn(applied, shape));
  const entries = live ? entriesOf(resource, live, now) : [];
  const isMine = (entry: ManagedFields): boolean => entry.operation === "Apply" && isSame(entry, manager);
  const mine = entries.find(isMine);
  const others = entries.filter((entry) => entry !== mine);
  const changed = intersection(
    wanted,
    changedFields(live ?? {}, mergeApplied(live ?? {}, applied, shape), shape),
  );
  const conflicts = others
    .map((entry) => ({ entry, fields: intersection(entry.fieldsV1, changed) }))
    .filter(({ fields }) => !isEmpty(fields));
  if (conflicts.length > 0 && !force) throw conflictError(conflicts);

  let result = mergeApplied(live ?? {}, applied, shape) as KubeObject;
  const forsaken = difference(mine?.fieldsV1 ?? {}, wanted);
  const held = others.reduce((sum, entry) => union(sum, entry.fieldsV1), wanted);
  const gone = difference(forsaken, held);
  if (!isEmpty(gone)) result = withoutFields(result, gone, shape) as KubeObject;

  const left = others
    .map((entry) => ({ ...entry, fieldsV1: difference(entry.fieldsV1, changed) }))
    .filter((entry) => !isEmpty(entry.fieldsV1));
  const entry: ManagedFields = {
    manager: manager.name,
    operation: "Apply",
    apiVersion: apiVersionOf(resource),
    time: mine && deepEqual(mine.fieldsV1, wanted) ? mine.time : now,
    fieldsType: "FieldsV1",
    fieldsV1: wanted,
    ...(manager.subresource ? { subresource: manager.subresource } : {}),
  };
  return { ...result, metadata: { ...result.metadata, managedFields: [entry, ...left] } };
}

/** Who owns what after a write that was no apply. Undefined: nobody has applied the object, and no book is kept. */
export function trackUpdate(
  resource: ResourceInfo,
  old: KubeObject,
  next: KubeObject,
  manager: FieldManager,
  now: string,
): readonly ManagedFields[] | undefined {
  const entries = old.metadata.managedFields as readonly ManagedFields[] | undefined;
  if (!entries) return undefined;
  const shape = shapeOf(resource);
  const changed = ownable(changedFields(old, next, shape));
  const removed = ownable(difference(fieldsIn(old, shape), fieldsIn(next, shape)));
  if (isEmpty(changed) && isEmpty(removed)) return entries;
  const isMine = (entry: ManagedFields): boolean => entry.operation === "Update" && isSame(entry, manager);
  const left = entries
    .map((entry) => ({
      ...entry,
      fieldsV1: difference(isMine(entry) ? entry.fieldsV1 : difference(entry.fieldsV1, changed), removed),
    }))
    .filter((entry) => !isEmpty(entry.fieldsV1) && !isMine(entry));
  const before = entries.find(isMine)?.fieldsV1 ?? {};
  const fieldsV1 = union(difference(before, removed), changed);
  if (isEmpty(fieldsV1)) return left;
  return [
    ...left,
    {
      manager: manager.name,
      operation: "Update",
      apiVersion: apiVersionOf(resource),
      time: now,
      fieldsType: "FieldsV1",
      fieldsV1,
      ...(manager.subresource ? { subresource: manager.subresource } : {}),
    },
  ];
}

function entriesOf(resource: ResourceInfo, live: KubeObject, now: string): readonly ManagedFields[] {
  const entries = live.metadata.managedFields as readonly ManagedFields[] | undefined;
  if (entries) return entries;
  const { status: _status, ...body } = live;
  return [
    {
      manager: "before-first-apply",
      operation: "Update",
      apiVersion: apiVersionOf(resource),
      time: now,
      fieldsType: "FieldsV1",
      fieldsV1: ownable(fieldsIn(body, shapeOf(resource))),
    },
  ];
}

function isSame(entry: ManagedFields, manager: FieldManager): boolean {
  return entry.manager === manager.name && (entry.subresource ?? "") === (manager.subresource ?? "");
}

function conflictError(
  conflicts: readonly { readonly entry: ManagedFields; readonly fields: FieldSet }[],
): Error {
  const causes: StatusCause[] = conflicts.flatMap(({ entry, fields }) =>
    describeFields(fields).map((field) => ({
      reason: "FieldManagerConflict",
      message: `conflict with "${entry.manager}"${entry.operation === "Update" ? ` using ${entry.apiVersion}` : ""}`,
      field,
    })),
  );
  const count = `${causes.length} conflict${causes.length === 1 ? "" : "s"}`;
  const lines =
    causes.length === 1
      ? `${causes[0]!.message}: ${causes[0]!.field}`
      : causes.map(({ message, field }) => `${message}: ${field}`).join("\n");
  return apiError(409, "Conflict", `Apply failed with ${count}: ${lines}`, { causes });
}
