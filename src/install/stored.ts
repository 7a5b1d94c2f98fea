import { MeshError } from "../base/error.ts";
import type { KubeObject } from "../base/kube-object.ts";
import {
  CONFIG_MAP_NAME,
  INJECTOR_TLS_SECRET_NAME,
  ISSUER_SECRET_NAME,
  OVERRIDES_SECRET_NAME,
  TRUST_ROOTS_NAME,
} from "../base/names.ts";
import type { ValueTree } from "../values/merge.ts";
import { OVERRIDES_KEY, overridesOf } from "../values/overrides.ts";
import type { Values } from "../values/values.ts";
import { parseTree, VALUES_KEY, valuesFromYaml } from "../values/yaml.ts";
import type { KeyPair } from "./credentials.ts";
import type { ObjectReader } from "./existing.ts";

/** What an installation is, as far as a new version of it depends on that. */
export interface StoredInstallation {
  readonly values: Values;
  /** What was asked for beyond the defaults of its version. */
  readonly overrides: ValueTree;
  /** False: there was no Secret with the overrides, so that every value that differs from today's defaults counts as one. */
  readonly hasOverrides: boolean;
  /** Undefined: lost. */
  readonly anchorsPem: string | undefined;
  /** Undefined: the operator supplies it (scheme `kubernetes.io/tls`), or it is lost. */
  readonly issuer: KeyPair | undefined;
  readonly webhook: KeyPair | undefined;
}

/**
 * Reads an installation from a cluster, or from its manifests (`readerOfObjects`).
 *
 * @throws MeshError `UPGRADE_NOT_INSTALLED`, and what the cluster answers
 */
export async function readStored(reader: ObjectReader, namespace: string): Promise<StoredInstallation> {
  const read = (plural: string, name: string) =>
    readOptional(reader, `/api/v1/namespaces/${namespace}/${plural}/${name}`);
  const [config, overrides, roots, issuer, webhook] = await Promise.all([
    read("configmaps", CONFIG_MAP_NAME),
    read("secrets", OVERRIDES_SECRET_NAME),
    read("configmaps", TRUST_ROOTS_NAME),
    read("secrets", ISSUER_SECRET_NAME),
    read("secrets", INJECTOR_TLS_SECRET_NAME),
  ]);
  const text = config?.data?.[VALUES_KEY];
  if (typeof text !== "string") {
    throw new MeshError({
      kind: "environment",
      code: "UPGRADE_NOT_INSTALLED",
      message: `there is no installation in namespace "${namespace}": ConfigMap ${CONFIG_MAP_NAME} is not there`,
      hint: "install with `meshctl install | kubectl apply -f -`, or name the namespace with -L",
    });
  }
  const values = valuesFromYaml(text, `ConfigMap ${namespace}/${CONFIG_MAP_NAME}`);
  const stored = secretText(overrides, OVERRIDES_KEY);
  const anchorsPem: unknown = roots?.data?.["ca-bundle.crt"];
  const external = values.identity.issuer.scheme === "kubernetes.io/tls";
  return {
    values,
    overrides:
      stored === undefined
        ? overridesOf(values)
        : parseTree(stored, `Secret ${namespace}/${OVERRIDES_SECRET_NAME}`),
    hasOverrides: stored !== undefined,
    anchorsPem: typeof anchorsPem === "string" && anchorsPem !== "" ? anchorsPem : undefined,
    issuer: external ? undefined : keyPair(issuer, "crt.pem", "key.pem"),
    webhook: keyPair(webhook, "tls.crt", "tls.key"),
  };
}

/** Objects of saved manifests, read as if from a cluster. */
export function readerOfObjects(objects: readonly KubeObject[]): ObjectReader {
  const byPath = new Map(
    objects.map((object) => [
      `/api/v1/namespaces/${object.metadata?.namespace}/${object.kind?.toLowerCase()}s/${object.metadata?.name}`,
      object,
    ]),
  );
  return {
    async request<T>(_method: string, path: string): Promise<T> {
      return byPath.get(path) as T;
    },
  };
}

async function readOptional(reader: ObjectReader, path: string): Promise<KubeObject | undefined> {
  try {
    return await reader.request<KubeObject | undefined>("GET", path);
  } catch (error) {
    if (error instanceof MeshError && error.code === "KUBE_NOT_FOUND") return undefined;
    throw error;
  }
}

function keyPair(secret: KubeObject | undefined, certificate: string, key: string): KeyPair | undefined {
  const [certificatePem, privateKeyPem] = [secretText(secret, certificate), secretText(secret, key)];
  return certificatePem && privateKeyPem ? { certificatePem, privateKeyPem } : undefined;
}

function secretText(secret: KubeObject | undefined, key: string): string | undefined {
  const encoded: unknown = secret?.data?.[key];
  return typeof encoded === "string" ? Buffer.from(encoded, "base64").toString("utf8") : undefined;
}
