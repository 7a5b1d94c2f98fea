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

/** `group/kind/name`, as records and stats carry it. */
export function metaKey(meta: PolicyMeta): string {
  return `${meta.group}/${meta.kind}/${meta.name}`;
}
