import type { X509Certificate } from "node:crypto";
import type { KubeObject } from "../base/kube-object.ts";
import { CONTROL_PLANE_NS_LABEL, PROXY_CONTAINER } from "../base/names.ts";
import { chains, parseCertificates } from "./certificates.ts";
import type { ObjectLister } from "./list-owned.ts";

/** Environment variable of a proxy that holds its trust anchors. */
const ANCHORS_ENV = "MESHCTL_PROXY_IDENTITY_TRUST_ANCHORS";

/**
 * Meshed pods whose proxies would not trust what a new issuer signs, because they were injected with other anchors.
 *
 * @returns `namespace/name`, sorted
 */
export async function podsThatDistrust(
  cluster: ObjectLister,
  namespace: string,
  issuerPem: string,
): Promise<string[]> {
  const [issuer, ...intermediates] = parseCertificates(issuerPem, "issuer certificate");
  const { items } = await cluster.request<{ items: readonly KubeObject[] }>("GET", "/api/v1/pods", {
    query: { labelSelector: `${CONTROL_PLANE_NS_LABEL}=${namespace}` },
  });
  // Thousands of pods share a handful of bundles.
  const verdicts = new Map<string, boolean>();
  const trusts = (anchorsPem: string): boolean => {
    let verdict = verdicts.get(anchorsPem);
    if (verdict === undefined) {
      verdict = chainsTo(issuer!, intermediates, anchorsPem);
      verdicts.set(anchorsPem, verdict);
    }
    return verdict;
  };
  return items
    .filter((pod) => {
      const anchorsPem = anchorsOf(pod);
      return anchorsPem !== undefined && !trusts(anchorsPem);
    })
    .map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)
    .sort();
}

function chainsTo(
  issuer: X509Certificate,
  intermediates: readonly X509Certificate[],
  anchorsPem: string,
): boolean {
  return chains(issuer, intermediates, parseCertificates(anchorsPem, "a pod's trust anchors"));
}

function anchorsOf(pod: KubeObject): string | undefined {
  const containers: readonly { name: string; env?: { name: string; value?: string }[] }[] = [
    ...(pod.spec?.initContainers ?? []),
    ...(pod.spec?.containers ?? []),
  ];
  const proxy = containers.find(({ name }) => name === PROXY_CONTAINER);
  return proxy?.env?.find(({ name }) => name === ANCHORS_ENV)?.value;
}
