import { randomUUID } from "node:crypto";
import { request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import type { Clock } from "../../../base/clock.ts";
import { type KubeObject, matchesSelector } from "../../../base/kube-object.ts";
import type { Logger } from "../../../base/log.ts";
import type { ServiceDialer } from "../../object-api.ts";
import { defaultObject } from "../defaults/defaults.ts";
import { applyJsonPatch } from "../patch/json-patch.ts";
import { apiVersionOf } from "../resource-info.ts";
import { apiError, badRequest } from "../status.ts";
import type { Store } from "../store.ts";
import type { AdmissionPlugin, AdmissionRequest } from "./chain.ts";

export interface WebhookDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly dialer: () => ServiceDialer | undefined;
}

interface Webhook {
  readonly name: string;
  // biome-ignore lint/suspicious/noExplicitAny: validated by the field table when it was stored
  readonly [field: string]: any;
}

interface AdmissionResponse {
  readonly uid?: string;
  readonly allowed?: boolean;
  readonly patch?: string;
  readonly patchType?: string;
  readonly warnings?: readonly string[];
  readonly status?: { readonly code?: number; readonly message?: string; readonly reason?: string };
}

const MUTATING = "admissionregistration.k8s.io/mutatingwebhookconfigurations";
const VALIDATING = "admissionregistration.k8s.io/validatingwebhookconfigurations";

/** Calls out to admission webhooks. `matchConditions` (CEL) are not evaluated: such a webhook is called whenever its rules match. */
export function createWebhookAdmission(deps: WebhookDeps): AdmissionPlugin {
  return {
    async mutate(request) {
      let object = request.object;
      for (const webhook of matching(deps.store, MUTATING, request)) {
        const response = await call(deps, webhook, { ...request, object });
        if (!response?.patch || request.operation === "DELETE") continue;
        if (response.patchType !== "JSONPatch") {
          throw badRequest(
            `admission webhook "${webhook.name}" sent a patch of type "${response.patchType}", not JSONPatch`,
          );
        }
        const patch = JSON.parse(Buffer.from(response.patch, "base64").toString("utf8")) as unknown;
        object = defaultObject(request.resource, applyJsonPatch(object, patch) as KubeObject);
      }
      return object;
    },
    async validate(request) {
      const webhooks = matching(deps.store, VALIDATING, request);
      await Promise.all(webhooks.map((webhook) => call(deps, webhook, request)));
    },
  };
}

function matching(store: Store, bucket: string, request: AdmissionRequest): Webhook[] {
  // Webhooks may not judge webhook configurations: a broken one could never be mended.
  if (store.count(bucket) === 0 || request.resource.group === "admissionregistration.k8s.io") return [];
  const webhooks = store.list(bucket).flatMap((configuration) => (configuration.webhooks ?? []) as Webhook[]);
  return webhooks.filter(
    (webhook) => ruleMatches(webhook, request) && selectorsMatch(store, webhook, request),
  );
}

function ruleMatches(webhook: Webhook, { resource, operation, subresource }: AdmissionRequest): boolean {
  const has = (list: readonly string[] | undefined, value: string) =>
    list !== undefined && (list.includes("*") || list.includes(value));
  const path = subresource ? `${resource.plural}/${subresource}` : resource.plural;
  return (webhook.rules ?? []).some(
    // biome-ignore lint/suspicious/noExplicitAny: a rule of the stored configuration
    (rule: any) =>
      has(rule.operations, operation) &&
      has(rule.apiGroups, resource.group) &&
      has(rule.apiVersions, resource.version) &&
      (rule.scope === undefined ||
        rule.scope === "*" ||
        rule.scope === (resource.namespaced ? "Namespaced" : "Cluster")) &&
      (rule.resources ?? []).some(
        (each: string) =>
          each === path ||
          each === "*/*" ||
          (each === "*" && !subresource) ||
          (subresource !== undefined && (each === `${resource.plural}/*` || each === `*/${subresource}`)),
      ),
  );
}

function selectorsMatch(
  store: Store,
  webhook: Webhook,
  { resource, object, old }: AdmissionRequest,
): boolean {
  const selector = webhook.objectSelector ?? {};
  const labelled = [object, old].filter((each) => each !== undefined);
  if (!labelled.some((each) => matchesSelector(selector, each.metadata.labels))) return false;
  if (!resource.namespaced && resource.bucket !== "/namespaces") return true;
  const namespace =
    resource.bucket === "/namespaces"
      ? object
      : store.get("/namespaces", "", object.metadata.namespace ?? "");
  return matchesSelector(webhook.namespaceSelector ?? {}, namespace?.metadata.labels);
}

/** @returns the response when it allows, undefined when the call failed and `failurePolicy` is Ignore */
async function call(
  deps: WebhookDeps,
  webhook: Webhook,
  request: AdmissionRequest,
): Promise<AdmissionResponse | undefined> {
  const review = reviewOf(request);
  const sideEffects = webhook.sideEffects;
  if (request.context.dryRun && sideEffects !== "None" && sideEffects !== "NoneOnDryRun") {
    throw badRequest(`admission webhook "${webhook.name}" does not support dry run`);
  }
  let response: AdmissionResponse;
  try {
    response = await post(deps, webhook, review);
    if (response.uid !== review.request.uid)
      throw new Error("the response is for another request (wrong uid)");
  } catch (caught) {
    const why = caught instanceof Error ? caught.message : String(caught);
    if (webhook.failurePolicy === "Ignore") {
      deps.log.warn("webhook failed, its policy is to ignore that", { webhook: webhook.name, why });
      return undefined;
    }
    throw apiError(
      500,
      "InternalError",
      `Internal error occurred: failed calling webhook "${webhook.name}": failed to call webhook: ${why}`,
      { causes: [{ reason: "InternalError", message: why, field: "" }] },
    );
  }
  request.context.warnings.push(...(response.warnings ?? []));
  if (response.allowed) return response;
  const { code, message, reason } = response.status ?? {};
  const text = message ? `denied the request: ${message}` : "denied the request without explanation";
  throw apiError(
    code && code >= 400 ? code : 403,
    reason ?? "Forbidden",
    `admission webhook "${webhook.name}" ${text}`,
  );
}

function reviewOf({ context, operation, resource, object, old, subresource }: AdmissionRequest) {
  const { group, version, kind, plural } = resource;
  const gvk = { group, version, kind };
  const gvr = { group, version, resource: plural };
  return {
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    request: {
      uid: randomUUID(),
      kind: gvk,
      resource: gvr,
      requestKind: gvk,
      requestResource: gvr,
      ...(subresource ? { subResource: subresource, requestSubResource: subresource } : {}),
      name: object.metadata.name ?? "",
      ...(object.metadata.namespace ? { namespace: object.metadata.namespace } : {}),
      operation,
      userInfo: {
        username: context.user.name,
        groups: context.user.groups,
        ...(context.user.uid ? { uid: context.user.uid } : {}),
        ...(context.user.extra ? { extra: context.user.extra } : {}),
      },
      object: operation === "DELETE" ? null : { ...object, apiVersion: apiVersionOf(resource), kind },
      oldObject: old ?? null,
      dryRun: context.dryRun,
      options: {
        apiVersion: "meta.k8s.io/v1",
        kind: `${operation[0]}${operation.slice(1).toLowerCase()}Options`,
      },
    },
  };
}

/** One POST over TLS, within the webhook's timeout. The certificate must be of its CA bundle and carry the Service's name. */
async function post(deps: WebhookDeps, webhook: Webhook, review: unknown): Promise<AdmissionResponse> {
  const { service, url, caBundle } = webhook.clientConfig;
  const target = service ? serviceTarget(deps, service) : urlTarget(url);
  const body = Buffer.from(JSON.stringify(review));
  const abort = new AbortController();
  const timeoutMs = (webhook.timeoutSeconds ?? 10) * 1000;
  const timer = deps.clock.schedule(timeoutMs, () =>
    abort.abort(new Error(`no answer within ${timeoutMs / 1000}s`)),
  );
  try {
    const reply = await new Promise<{ code: number; text: string }>((resolve, reject) => {
      const outgoing = httpsRequest(
        {
          host: target.host,
          port: target.port,
          path: target.path,
          // SNI carries names only; an address is checked against the certificate all the same.
          ...(isIP(target.serverName) ? {} : { servername: target.serverName }),
          method: "POST",
          agent: false,
          signal: abort.signal,
          ...(caBundle ? { ca: Buffer.from(caBundle, "base64") } : {}),
          headers: {
            host: target.serverName,
            "content-type": "application/json",
            accept: "application/json",
            "content-length": body.length,
          },
        },
        (incoming) => {
          const chunks: Buffer[] = [];
          incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
          incoming.on("error", reject);
          incoming.on("end", () =>
            resolve({ code: incoming.statusCode ?? 0, text: Buffer.concat(chunks).toString("utf8") }),
          );
        },
      );
      outgoing.on("error", (error) => reject(abort.signal.aborted ? (abort.signal.reason as Error) : error));
      outgoing.end(body);
    });
    if (reply.code !== 200) throw new Error(`the server answered ${reply.code}: ${reply.text.slice(0, 200)}`);
    const { response } = JSON.parse(reply.text) as { response?: AdmissionResponse };
    if (!response) throw new Error("the answer holds no response");
    return response;
  } catch (caught) {
    const why = caught instanceof Error ? caught.message : String(caught);
    throw new Error(`Post "https://${target.serverName}:${target.shownPort}${target.path}": ${why}`);
  } finally {
    timer.cancel();
  }
}

interface Target {
  readonly host: string;
  readonly port: number;
  /** The port in messages: a Service's own, not its endpoint's. */
  readonly shownPort: number;
  readonly path: string;
  readonly serverName: string;
}

function serviceTarget(
  deps: WebhookDeps,
  service: { name: string; namespace: string; port?: number; path?: string },
): Target {
  const serverName = `${service.name}.${service.namespace}.svc`;
  const shownPort = service.port ?? 443;
  const endpoint = deps.dialer()?.resolve(service.namespace, service.name, shownPort);
  if (!endpoint) {
    throw new Error(
      `no endpoints available for service "${service.namespace}/${service.name}" port ${shownPort}`,
    );
  }
  return { ...endpoint, shownPort, path: service.path ?? "/", serverName };
}

function urlTarget(text: string): Target {
  const url = new URL(text);
  const port = Number(url.port || 443);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  return { host, port, shownPort: port, path: url.pathname + url.search, serverName: host };
}
