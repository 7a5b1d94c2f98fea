import { connect, type Socket } from "node:net";
import type { KubeObject } from "../../../base/kube-object.ts";
import { decodeObject } from "../decode.ts";
import { isApply, serveApply } from "../managed/serve-apply.ts";
import { patcherFor } from "../patch/apply.ts";
import { timestamp } from "../prepare.ts";
import type { ResourceInfo } from "../resource-info.ts";
import { contextOf, deleteOptions, type ResourceRequest, sendAs, sendObject } from "../resource-request.ts";
import { addWarnings, parseBody, readBody, sendJson } from "../respond.ts";
import { apiError, badRequest, conflict, methodNotAllowed, unknownPath } from "../status.ts";
import { SCALE_COLUMNS } from "../table/scale.ts";
import { noKubelet, serveLog } from "./log.ts";
import { forwardRequest, parseProxyTarget, podPort } from "./proxy.ts";
import { scaleOf, withScale } from "./scale.ts";
import { answerTokenRequest } from "./token.ts";

const AUTOSCALING_V1 = {
  group: "autoscaling",
  version: "v1",
  plural: "scales",
  kind: "Scale",
  fields: "V1Scale",
};
const TOKEN_REQUEST = {
  group: "authentication.k8s.io",
  version: "v1",
  plural: "tokenrequests",
  kind: "TokenRequest",
  fields: "AuthenticationV1TokenRequest",
};

/** Answers `/<resource>/<name>/<subresource>`. Upgrades are answered elsewhere (upgrade.ts). */
export async function serveSubresource(incoming: ResourceRequest, resource: ResourceInfo): Promise<void> {
  const { parts, response, path, query, verb, request } = incoming;
  const { subresource, namespace, name } = path;
  const declared = resource.subresources.find((each) => each.name === subresource);
  if (!declared) throw unknownPath();
  if (!declared.verbs.includes(verb === "list" || verb === "watch" ? "get" : verb)) throw methodNotAllowed();
  switch (subresource) {
    case "log": {
      const pod = parts.operations.get(resource, namespace, name);
      return serveLog(parts.podBackend, response, pod, query, parts.lists.now());
    }
    case "proxy":
      return resource.bucket === "/pods"
        ? proxyToPod(incoming, resource)
        : proxyToService(incoming, resource);
    case "attach":
    case "exec":
    case "portforward":
      throw connectRefusal(incoming, parts.operations.get(resource, namespace, name));
  }
  const context = contextOf(incoming);
  const read = async () =>
    parseBody(await readBody(request), request.headers["content-type"] ?? "application/json");
  switch (subresource) {
    case "status":
    case "finalize": {
      if (verb === "get")
        return sendObject(incoming, resource, 200, parts.operations.get(resource, namespace, name));
      const body = await read();
      const contentType = request.headers["content-type"] ?? "";
      if (verb === "patch" && subresource === "status" && isApply(contentType)) {
        const { object } = await serveApply(incoming, resource, context, body, subresource);
        addWarnings(response, context.warnings);
        return sendObject(incoming, resource, 200, object);
      }
      const result =
        verb === "patch"
          ? await parts.operations.modify(
              context,
              resource,
              namespace,
              name,
              patcherFor(resource, contentType, body),
              subresource,
            )
          : await parts.operations.update(context, resource, namespace, name, body, subresource);
      addWarnings(response, context.warnings);
      return sendObject(incoming, resource, 200, result);
    }
    case "scale":
      return serveScale(incoming, resource, read);
    case "token": {
      const body = decodeObject(context, { ...resource, ...TOKEN_REQUEST }, (await read()) ?? {});
      const now = parts.lists.now();
      const answer = answerTokenRequest(parts.store, parts.tokens, resource, namespace, name, body, now);
      sendJson(response, 201, JSON.stringify(answer));
      return;
    }
    case "binding": {
      const body = (await read()) as KubeObject;
      await bindPod(incoming, resource, body);
      sendJson(
        response,
        201,
        JSON.stringify({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 }),
      );
      return;
    }
    case "eviction": {
      const body = (await read()) as { deleteOptions?: unknown } | undefined;
      await parts.operations.remove(
        context,
        resource,
        namespace,
        name,
        deleteOptions(query, body?.deleteOptions),
      );
      sendJson(
        response,
        201,
        JSON.stringify({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", code: 201 }),
      );
      return;
    }
    default:
      throw unknownPath();
  }
}

async function serveScale(
  incoming: ResourceRequest,
  resource: ResourceInfo,
  read: () => Promise<unknown>,
): Promise<void> {
  const { parts, path, verb, request } = incoming;
  const { namespace, name } = path;
  const send = (object: KubeObject) => {
    const scale = scaleOf(resource, object);
    sendAs(incoming, resource, 200, scale, () => JSON.stringify(scale), SCALE_COLUMNS);
  };
  if (verb === "get") return send(parts.operations.get(resource, namespace, name));
  const context = contextOf(incoming);
  const scaleResource = { ...resource, ...AUTOSCALING_V1, crd: undefined };
  const body = await read();
  const patch =
    verb === "patch" ? patcherFor(scaleResource, request.headers["content-type"] ?? "", body) : undefined;
  const result = await parts.operations.modify(context, resource, namespace, name, (current) => {
    let wanted: unknown = body;
    if (patch) {
      const scale = scaleOf(resource, current);
      // A patch is against whatever is there now, unless it brings a version itself.
      delete scale.metadata.resourceVersion;
      wanted = patch(scale);
    }
    const scale = decodeObject(context, scaleResource, wanted);
    if ((scale.spec?.replicas ?? 0) < 0)
      throw badRequest(
        `spec.replicas: Invalid value: ${scale.spec.replicas}: must be greater than or equal to 0`,
      );
    return withScale(resource, current, scale);
  });
  send(result);
}

async function bindPod(
  incoming: ResourceRequest,
  resource: ResourceInfo,
  binding: KubeObject,
): Promise<void> {
  const { parts, path } = incoming;
  const node = binding?.target?.name as string | undefined;
  if (!node) throw badRequest("target.name: Required value");
  const context = contextOf(incoming);
  await parts.operations.modify(context, resource, path.namespace, path.name, (pod) => {
    if (pod.spec.nodeName)
      throw conflict(
        resource,
        path.name,
        `pod ${path.name} is already assigned to node "${pod.spec.nodeName}"`,
      );
    return { ...pod, spec: { ...pod.spec, nodeName: node } };
  });
  const scheduled = {
    type: "PodScheduled",
    status: "True",
    lastTransitionTime: timestamp(parts.lists.now()),
  };
  await parts.operations.modify(
    context,
    resource,
    path.namespace,
    path.name,
    (pod) => {
      const others = (pod.status?.conditions ?? []).filter(
        (each: { type: string }) => each.type !== "PodScheduled",
      );
      return { ...pod, status: { ...pod.status, conditions: [...others, scheduled] } };
    },
    "status",
  );
}

async function proxyToPod(incoming: ResourceRequest, resource: ResourceInfo): Promise<void> {
  const { parts, path, search, request, response } = incoming;
  const target = parseProxyTarget(path.name);
  const backend = parts.podBackend;
  const pod = parts.operations.get(resource, path.namespace, target.name);
  if (!backend) throw noKubelet();
  if (target.scheme !== "http" && target.scheme !== "") {
    throw badRequest(`pods/proxy speaks plain HTTP here; the scheme "${target.scheme}" is not supported`);
  }
  const port = podPort(pod, target.port);
  const host = `${pod.status?.podIP ?? target.name}:${port}`;
  await forwardRequest(request, response, `${path.rest || "/"}${search}`, host, () =>
    backend.connect(path.namespace, target.name, port, "proxy"),
  );
}

async function proxyToService(incoming: ResourceRequest, resource: ResourceInfo): Promise<void> {
  const { parts, path, search, request, response } = incoming;
  const target = parseProxyTarget(path.name);
  const service = parts.operations.get(resource, path.namespace, target.name);
  const ports: { name?: string; port: number }[] = service.spec?.ports ?? [];
  const port = /^\d+$/.test(target.port)
    ? Number(target.port)
    : (target.port === "" ? ports[0] : ports.find((each) => each.name === target.port))?.port;
  if (port === undefined) throw badRequest(`service ${target.name} has no port named "${target.port}"`);
  const endpoint = parts.serviceDialer?.resolve(path.namespace, target.name, port);
  if (!endpoint) {
    throw apiError(503, "ServiceUnavailable", `no endpoints available for service "${target.name}"`);
  }
  await forwardRequest(request, response, `${path.rest || "/"}${search}`, `${target.name}:${port}`, () =>
    dial(endpoint),
  );
}

function dial(endpoint: { readonly host: string; readonly port: number }): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(endpoint.port, endpoint.host);
    socket.once("connect", () => resolve(socket));
    socket.once("error", reject);
  });
}

/** What kubectl prints when it tries a protocol that is not spoken: where the pod can be reached instead. */
export function connectRefusal(
  { path, query }: Pick<ResourceRequest, "path" | "query">,
  pod: KubeObject,
): Error {
  const ip = pod.status?.podIP as string | undefined;
  if (path.subresource !== "portforward") {
    return apiError(
      400,
      "BadRequest",
      `${path.subresource} is not supported by the local cluster: containers are processes of this machine, see the pod's logs with: kubectl logs -n ${path.namespace} ${path.name}`,
    );
  }
  const port = query.get("ports");
  const where = ip ? `dial the pod itself: ${ip}${port ? `:${port}` : ""}` : "the pod has no address yet";
  return apiError(
    400,
    "BadRequest",
    `port-forward over SPDY is not supported by the local cluster (pod ${path.namespace}/${path.name}); ${where}`,
  );
}
