/** A reference to another object. Absent groups are Kubernetes' core group. */
export interface ObjectRef {
  readonly group?: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

/** Whether a reference is to a kind. Kinds compare without case, and the core group may be spelled out. */
export function refersTo(ref: Pick<ObjectRef, "group" | "kind">, group: string, kind: string): boolean {
  const given = ref.group === undefined || ref.group === "core" ? "" : ref.group;
  return given.toLowerCase() === group && ref.kind.toLowerCase() === kind.toLowerCase();
}

/** A reference in words: `MeshTLSAuthentication.policy.meshctl.io`, `ServiceAccount`. */
export function kindInWords({ group, kind }: Pick<ObjectRef, "group" | "kind">): string {
  return group === undefined || group === "" ? kind : `${kind}.${group}`;
}
