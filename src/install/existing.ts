import { MeshError } from "../base/error.ts";
import type { KubeObject } from "../base/kube-object.ts";
import { CONFIG_MAP_NAME, ISSUER_SECRET_NAME } from "../base/names.ts";
import { LOCAL_RUNTIME_PREFIX } from "../values/local.ts";
import { CRD_FILES, loadManifests } from "./manifests.ts";

/** The one request that installing needs. A KubeClient is one. */
export interface ObjectReader {
  request<T = KubeObject>(method: string, path: string): Promise<T>;
}

/**
 * Makes sure that nothing is installed yet: a second installation would replace the trust anchors under running proxies.
 *
 * @throws MeshError `INSTALL_EXISTS`; `INSTALL_CLUSTER` when the cluster cannot be asked
 */
export async function refuseExisting(reader: ObjectReader, namespace: string): Promise<void> {
  const existing = await readOptional(
    reader,
    `/api/v1/namespaces/${namespace}/configmaps/${CONFIG_MAP_NAME}`,
  );
  if (!existing) return;
  throw new MeshError({
    kind: "environment",
    code: "INSTALL_EXISTS",
    message: `namespace "${namespace}" has an installation already: ConfigMap ${CONFIG_MAP_NAME} exists there`,
    hint: "change it with `meshctl upgrade | kubectl apply -f -`, or print the manifests regardless with --ignore-cluster (that replaces its certificates)",
  });
}

/**
 * Whether the cluster is a local one, whose pods are processes. One that does not say, or may not be asked, is not.
 */
export async function isLocalCluster(reader: ObjectReader): Promise<boolean> {
  try {
    const { items } = await reader.request<{ readonly items: readonly KubeObject[] }>(
      "GET",
      "/api/v1/nodes?limit=1",
    );
    const runtime: unknown = items[0]?.status?.nodeInfo?.containerRuntimeVersion;
    return typeof runtime === "string" && runtime.startsWith(LOCAL_RUNTIME_PREFIX);
  } catch (caught) {
    if (caught instanceof MeshError) return false;
    throw caught;
  }
}

/** The trust anchors (`ca.crt`) of an issuer that the operator supplies. @throws MeshError `INSTALL_NO_ISSUER` */
export async function readExternalAnchors(reader: ObjectReader, namespace: string): Promise<string> {
  const secret = await readOptional(reader, `/api/v1/namespaces/${namespace}/secrets/${ISSUER_SECRET_NAME}`);
  const missing = ["ca.crt", "tls.crt", "tls.key"].filter((key) => !secret?.data?.[key]);
  if (missing.length > 0) {
    throw new MeshError({
      kind: "environment",
      code: "INSTALL_NO_ISSUER",
      message: secret
        ? `Secret ${namespace}/${ISSUER_SECRET_NAME} has no ${missing.join(", ")}`
        : `there is no Secret ${namespace}/${ISSUER_SECRET_NAME}`,
      hint: "with --identity-external-issuer the issuer's Secret (type kubernetes.io/tls, with ca.crt) has to exist first",
    });
  }
  return Buffer.from(secret!.data["ca.crt"], "base64").toString("utf8");
}

async function readOptional(reader: ObjectReader, path: string): Promise<KubeObject | undefined> {
  try {
    return await reader.request("GET", path);
  } catch (error) {
    if (error instanceof MeshError && error.code === "KUBE_NOT_FOUND") return undefined;
    if (!(error instanceof MeshError)) throw error;
    throw new MeshError({
      kind: "environment",
      code: "INSTALL_CLUSTER",
      message: `cannot tell whether the cluster has an installation: ${error.message}`,
      hint: `${error.hint === undefined ? "" : `${error.hint}; `}or print the manifests without asking it: meshctl install --ignore-cluster`,
      anchor: error.anchor,
      cause: error,
    });
  }
}

/**
 * Makes sure that the custom resource definitions are there before a control plane that watches them is printed alone.
 *
 * @throws MeshError `UPGRADE_NO_CRDS`
 */
export async function requireDefinitions(reader: ObjectReader): Promise<void> {
  const base = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  const missing: string[] = [];
  for (const { metadata, spec } of loadManifests(CRD_FILES)) {
    const live = await readOptional(reader, `${base}/${metadata.name}`);
    const served: string[] = (live?.spec.versions ?? []).map(({ name }: { name: string }) => name);
    const wanted: string[] = spec.versions.map(({ name }: { name: string }) => name);
    if (!live) missing.push(metadata.name!);
    else if (!served.includes(wanted.at(-1)!)) missing.push(`${metadata.name} (${wanted.at(-1)})`);
  }
  if (missing.length === 0) return;
  throw new MeshError({
    kind: "environment",
    code: "UPGRADE_NO_CRDS",
    message: `custom resource definitions are missing or old: ${missing.join(", ")}`,
    hint: "apply them first: meshctl upgrade --crds | kubectl apply -f -",
  });
}
