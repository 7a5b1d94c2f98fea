/** A mount path of the container and the real path that stands for it. */
export interface MountMapping {
  readonly mountPath: string;
  readonly realPath: string;
}

const SERVICE_ACCOUNT_DIR = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * Rewrites mount paths inside of text to the real paths: a process without a mount namespace cannot see
 * `/var/run/secrets/tokens`, but it can be told where that is.
 *
 * Whole path segments only, longest mount first, in one pass (what was put in is not looked at again). A path begins where no
 * name or path precedes it, so that `http://host/etc/app` is left alone when `/etc/app` is mounted.
 */
export function rewritePaths(text: string, mounts: readonly MountMapping[]): string {
  const usable = mounts
    .map(({ mountPath, realPath }) => ({ mountPath: trimSlashes(mountPath), realPath }))
    .filter(({ mountPath }) => mountPath.startsWith("/") && mountPath !== "/")
    .sort((left, right) => right.mountPath.length - left.mountPath.length);
  if (usable.length === 0 || !text.includes("/")) return text;
  const alternatives = usable.map(({ mountPath }) => escapeRegExp(mountPath)).join("|");
  const pattern = new RegExp(`(?<![\\w.~\\-/])(?:${alternatives})(?![\\w.\\-~])`, "g");
  return text.replace(pattern, (found) => usable.find(({ mountPath }) => mountPath === found)!.realPath);
}

/** Where the service account's token, namespace and CA really are; undefined when none is mounted. */
export function serviceAccountDir(mounts: readonly MountMapping[]): string | undefined {
  return mounts.find(({ mountPath }) => trimSlashes(mountPath) === SERVICE_ACCOUNT_DIR)?.realPath;
}

function trimSlashes(path: string): string {
  const trimmed = path.replace(/\/+$/, "");
  return trimmed === "" ? "/" : trimmed;
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
