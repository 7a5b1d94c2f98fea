import { MeshError } from "../../base/error.ts";
import type { KubeObject } from "../../base/kube-object.ts";

/** A route of a ServiceProfile, as far as it is written from other descriptions. */
export interface ProfileRoute {
  readonly name: string;
  readonly condition: { readonly method: string; readonly pathRegex: string };
  readonly isRetryable?: boolean;
  readonly timeout?: string;
  readonly responseClasses?: readonly ResponseClass[];
}

export interface ResponseClass {
  readonly condition: { readonly status: { readonly min: number; readonly max: number } };
  readonly isFailure?: boolean;
}

/** Whose profile it is. */
export interface ProfileTarget {
  readonly service: string;
  readonly namespace: string;
  readonly clusterDomain: string;
}

/** A profile is named after its Service's full name, and lies in the Service's namespace. */
export function serviceProfile(target: ProfileTarget, routes: readonly ProfileRoute[]): KubeObject {
  return {
    apiVersion: "meshctl.io/v1alpha2",
    kind: "ServiceProfile",
    metadata: { name: profileName(target), namespace: target.namespace },
    spec: { routes },
  };
}

export function profileName({ service, namespace, clusterDomain }: ProfileTarget): string {
  return `${service}.${namespace}.svc.${clusterDomain}`;
}

/** @throws MeshError `PROFILE_NAME` */
export function checkTarget(service: string, namespace: string): void {
  const fail = (message: string, hint: string): never => {
    throw new MeshError({ kind: "usage", code: "PROFILE_NAME", message, hint });
  };
  if (!/^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/.test(service)) {
    fail(`"${service}" is no name of a Service`, "give its name alone, without namespace and domain");
  }
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(namespace)) {
    fail(`"${namespace}" is no name of a namespace`, "it has lower-case letters, digits and dashes");
  }
}

/** Text as a regular expression that matches it alone. */
export function quoteRegex(text: string): string {
  return text.replace(/[\\.+*?()|[\]{}^$]/g, "\\$&");
}

/** A commented example. */
export function profileTemplate(target: ProfileTarget): string {
  const { namespace } = target;
  return `# Save this, change it, and apply it: kubectl apply -f FILE
apiVersion: meshctl.io/v1alpha2
kind: ServiceProfile
metadata:
  # The Service's full name.
  name: ${profileName(target)}
  namespace: ${namespace}
spec:
  # Requests are told apart by these, in this order; the first that matches counts.
  routes:
    - # The route's name in metrics.
      name: POST /authors/{id}
      # Fields that are given must all hold; any, all and not combine conditions.
      condition:
        method: POST
        # Matches the whole path.
        pathRegex: /authors/\\d+
      # Responses that count as failures (default: 500 to 599).
      responseClasses:
        - condition:
            status:
              min: 500
              max: 599
          isFailure: true
      # Failed requests are sent again, within the budget below.
      isRetryable: true
      # Until the response begins, retries included.
      timeout: 250ms
  # How much retries may add to the load.
  retryBudget:
    # Retries for each request that is none.
    retryRatio: 0.2
    # Allowed whatever the ratio.
    minRetriesPerSecond: 10
    # How long a request counts.
    ttl: 10s
`;
}
