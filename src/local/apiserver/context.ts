/** Who asks. */
export interface UserInfo {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** What every operation is told about the request that it serves. */
export interface RequestContext {
  readonly user: UserInfo;
  /** Do everything but write. */
  readonly dryRun: boolean;
  /** What happens to fields that the kind does not have: dropped silently, with a warning, or refused. */
  readonly fieldValidation: "Ignore" | "Warn" | "Strict";
  /** In whose name fields are owned, where an object has been applied by the server. */
  readonly fieldManager: string;
  /** The write is a server-side apply: the object brings its owners with it. */
  readonly isApply?: boolean;
  /** Sent back as `Warning` headers. */
  readonly warnings: string[];
}

/** The cluster's own controllers. */
export const LOCAL_USER: UserInfo = { name: "system:meshctl-local", groups: ["system:masters"] };

export function contextFor(user: UserInfo): RequestContext {
  return { user, dryRun: false, fieldValidation: "Ignore", fieldManager: "meshctl-local", warnings: [] };
}
