import type { KubeObject } from "../base/kube-object.ts";
import { listOwned, type ObjectLister, skeletonOf } from "./list-owned.ts";

/**
 * Skeletons of what carries the label of an installation and is not in it (any more): leftovers of an older version, or of
 * `--ha`. Nothing when all is as it would be installed.
 *
 * @param desired every object of the installation as this version prints it
 */
export async function planPrune(
  cluster: ObjectLister,
  namespace: string,
  desired: readonly KubeObject[],
): Promise<KubeObject[]> {
  const wanted = new Set(desired.map(keyOf));
  return (await listOwned(cluster, namespace))
    .map(({ kind, object }) => skeletonOf(kind, object, namespace))
    .filter((object) => !wanted.has(keyOf(object)));
}

/** Version does not tell objects apart: the API server serves one in several. */
function keyOf({ apiVersion, kind, metadata }: KubeObject): string {
  const group = apiVersion.includes("/") ? apiVersion.split("/")[0] : "";
  return `${group}/${kind}/${metadata.namespace ?? ""}/${metadata.name}`;
}
