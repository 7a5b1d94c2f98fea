/** The object behind a policy, for records, metrics and messages. Implicit objects have group "" and kind `default`. */
export interface PolicyMeta {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly section: string;
  /** 0 when none. */
  readonly port: number;
}

export function defaultMeta(name: string): PolicyMeta {
  return { group: "", kind: "default", namespace: "", name, section: "", port: 0 };
}

const keys = new WeakMap<PolicyMeta, string>();

/** `group/kind/name`, as records and stats carry it. Made once for each object: requests ask for it several times. */
export function metaKey(meta: PolicyMeta): string {
  let key = keys.get(meta);
  if (key === undefined) {
    key = `${meta.group}/${meta.kind}/${meta.name}`;
    keys.set(meta, key);
  }
  return key;
}
