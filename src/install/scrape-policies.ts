import type { KubeObject } from "../base/kube-object.ts";

const GROUP = "policy.meshctl.io";

/** A ServiceAccount, by namespace and name. */
export interface AccountRef {
  readonly namespace: string;
  readonly name: string;
}

/**
 * Policies for a namespace in which Servers select the proxies' admin port: a Server of its own, whose metrics the scraper may read,
 * and whose probes anybody may ask.
 *
 * @param scraper whose certificate is demanded; undefined: nobody's, as of a Prometheus without a proxy
 */
export function scrapePolicies(
  namespace: string,
  createdBy: string,
  scraper: AccountRef | undefined,
): KubeObject[] {
  const metadata = (name: string) => ({
    name,
    namespace,
    annotations: { "meshctl.io/created-by": createdBy },
  });
  const server = { group: GROUP, kind: "Server", name: "proxy-admin" };
  const route = (name: string, paths: readonly string[]): KubeObject => ({
    apiVersion: `${GROUP}/v1beta3`,
    kind: "HTTPRoute",
    metadata: metadata(name),
    spec: {
      parentRefs: [server],
      rules: [{ matches: paths.map((value) => ({ path: { type: "Exact", value } })) }],
    },
  });
  const authorization = (name: string, target: string, refs: readonly object[]): KubeObject => ({
    apiVersion: `${GROUP}/v1alpha1`,
    kind: "AuthorizationPolicy",
    metadata: metadata(name),
    spec: {
      targetRef: { group: GROUP, kind: "HTTPRoute", name: target },
      requiredAuthenticationRefs: refs,
    },
  });
  return [
    {
      apiVersion: `${GROUP}/v1beta3`,
      kind: "Server",
      metadata: metadata("proxy-admin"),
      spec: {
        podSelector: { matchExpressions: [{ key: "meshctl.io/control-plane-ns", operator: "Exists" }] },
        port: "meshctl-admin",
        proxyProtocol: "HTTP/1",
      },
    },
    route("proxy-metrics", ["/metrics", "/stats"]),
    route("proxy-probes", ["/live", "/ready"]),
    authorization(
      "prometheus-scrape",
      "proxy-metrics",
      scraper ? [{ kind: "ServiceAccount", ...scraper }] : [],
    ),
    authorization("proxy-probes", "proxy-probes", []),
  ];
}
