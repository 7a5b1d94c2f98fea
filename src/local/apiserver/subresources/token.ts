import type { KubeObject, ObjectMeta } from "../../../base/kube-object.ts";
import { ISSUER, type Tokens } from "../auth/tokens.ts";
import { timestamp } from "../prepare.ts";
import type { ResourceInfo } from "../resource-info.ts";
import { badRequest, invalid, notFound } from "../status.ts";
import type { Store } from "../store.ts";

const EXPIRATION_SECONDS_MIN = 600;
const EXPIRATION_SECONDS_MAX = 2 ** 32;

/** serviceaccounts/token: answers a TokenRequest. */
export function answerTokenRequest(
  store: Store,
  tokens: Tokens,
  resource: ResourceInfo,
  namespace: string,
  name: string,
  body: KubeObject,
  nowMs: number,
): KubeObject {
  const spec = body.spec ?? {};
  const expirationSeconds: number = spec.expirationSeconds ?? 3600;
  if (expirationSeconds < EXPIRATION_SECONDS_MIN || expirationSeconds > EXPIRATION_SECONDS_MAX) {
    throw invalid({ group: "authentication.k8s.io", plural: "tokenrequests", kind: "TokenRequest" }, "", [
      {
        field: "spec.expirationSeconds",
        reason: "FieldValueInvalid",
        message: `Invalid value: ${expirationSeconds}: may not specify a duration less than 10 minutes or more than 2^32 seconds`,
      },
    ]);
  }
  const pod = spec.boundObjectRef ? boundPod(store, namespace, name, spec.boundObjectRef) : undefined;
  const issued = tokens.mint({
    namespace,
    serviceAccount: name,
    audiences: spec.audiences ?? [],
    expirationSeconds,
    ...(pod ? { pod } : {}),
  });
  if (!issued) throw notFound(resource, name);
  return {
    kind: "TokenRequest",
    apiVersion: "authentication.k8s.io/v1",
    metadata: { name, namespace, ...identityOf(store, namespace, name, nowMs) },
    spec: {
      audiences: spec.audiences?.length ? spec.audiences : [ISSUER],
      expirationSeconds,
      boundObjectRef: spec.boundObjectRef ?? null,
    },
    status: issued,
  };
}

/** The account's id, and the moment of the question: a TokenRequest itself is kept nowhere. */
function identityOf(store: Store, namespace: string, name: string, nowMs: number): Partial<ObjectMeta> {
  const uid = store.get("/serviceaccounts", namespace, name)?.metadata.uid;
  return { ...(uid === undefined ? {} : { uid }), creationTimestamp: timestamp(nowMs) };
}

function boundPod(
  store: Store,
  namespace: string,
  account: string,
  reference: { kind?: string; name?: string; uid?: string },
): { name: string; uid: string; nodeName?: string } {
  if (reference.kind !== "Pod") {
    throw badRequest(
      `cannot bind token for serviceaccount "${account}" to an object of kind "${reference.kind}": only pods are supported here`,
    );
  }
  const pod = store.get("/pods", namespace, reference.name ?? "");
  if (!pod) throw notFound({ group: "", plural: "pods", kind: "Pod" }, reference.name ?? "");
  if (reference.uid && reference.uid !== pod.metadata.uid) {
    throw badRequest(
      `the UID in the bound object reference (${reference.uid}) does not match the UID in record (${pod.metadata.uid})`,
    );
  }
  if (pod.spec?.serviceAccountName !== account) {
    throw badRequest(
      `cannot bind token for serviceaccount "${account}" to pod running with different serviceaccount name.`,
    );
  }
  return {
    name: pod.metadata.name!,
    uid: pod.metadata.uid!,
    ...(pod.spec?.nodeName ? { nodeName: pod.spec.nodeName as string } : {}),
  };
}
