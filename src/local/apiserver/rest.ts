import type { KubeObject } from "../../base/kube-object.ts";
import { answerReview } from "./auth/reviews.ts";
import type { RequestContext } from "./context.ts";
import { fromStorage } from "./convert.ts";
import { decodeObject } from "./decode.ts";
import type { DeleteOptions } from "./deletion.ts";
import { listBody, selectionOf } from "./list.ts";
import { isApply, serveApply } from "./managed/serve-apply.ts";
import { patcherFor } from "./patch/apply.ts";
import type { ResourcePath } from "./request-info.ts";
import type { ResourceInfo } from "./resource-info.ts";
import { contextOf, deleteOptions, type ResourceRequest, sendObject } from "./resource-request.ts";
import { addWarnings, parseBody, readBody, representationOf, sendJson } from "./respond.ts";
import { badRequest, invalid, methodNotAllowed, unknownPath } from "./status.ts";
import { serveSubresource } from "./subresources/serve.ts";
import { serveWatch } from "./watch.ts";

const REVIEW_GROUPS = new Set(["authentication.k8s.io", "authorization.k8s.io"]);

/** Answers a request about a resource. @throws MeshError with a Status */
export async function serveResource(incoming: ResourceRequest): Promise<void> {
  const { parts, request, response, path, query, verb } = incoming;
  const resource = parts.registry.find(path.group, path.version, path.plural);
  if (!resource) throw unknownPath();
  if (path.namespace && !resource.namespaced) throw unknownPath();
  if (path.subresource) return serveSubresource(incoming, resource);
  if (!resource.verbs.includes(verb)) throw methodNotAllowed();
  const representation = representationOf(request.headers.accept);
  const namespace = resource.namespaced && path.namespace ? path.namespace : undefined;
  switch (verb) {
    case "list":
      sendJson(
        response,
        200,
        listBody(parts.lists, resource, scope(resource, namespace), query, representation),
      );
      return;
    case "watch":
      serveWatch(
        parts.watches,
        response,
        resource,
        scope(resource, namespace),
        path.name,
        query,
        representation,
      );
      return;
    case "get":
      return sendObject(incoming, resource, 200, stored(incoming, resource));
  }
  const context = contextOf(incoming);
  const body = parseBody(await readBody(request), request.headers["content-type"] ?? "application/json");
  switch (verb) {
    case "create": {
      if (REVIEW_GROUPS.has(resource.group)) {
        const review = decodeObject(context, resource, body ?? {});
        const answer = answerReview(parts.reviews, resource, incoming.user, path.namespace, review);
        sendJson(response, 201, JSON.stringify(answer));
        return;
      }
      if (path.name) throw methodNotAllowed();
      const created = await parts.operations.create(
        context,
        resource,
        createNamespace(resource, path, body),
        body,
      );
      addWarnings(response, context.warnings);
      return sendObject(incoming, resource, 201, created);
    }
    case "update": {
      const updated = await parts.operations.update(context, resource, path.namespace, path.name, body);
      addWarnings(response, context.warnings);
      return sendObject(incoming, resource, 200, updated);
    }
    case "patch": {
      if (isApply(request.headers["content-type"] ?? "")) {
        const { object, isNew } = await serveApply(incoming, resource, context, body);
        addWarnings(response, context.warnings);
        return sendObject(incoming, resource, isNew ? 201 : 200, object);
      }
      const patch = patcherFor(resource, request.headers["content-type"] ?? "", body);
      const change = (current: KubeObject) => checkPatched(context, resource, patch(current));
      const patched = await parts.operations.modify(context, resource, path.namespace, path.name, change);
      addWarnings(response, context.warnings);
      return sendObject(incoming, resource, 200, patched);
    }
    case "delete": {
      const result = await parts.operations.remove(
        context,
        resource,
        path.namespace,
        path.name,
        deleteOptions(query, body),
      );
      sendJson(response, 200, JSON.stringify(result));
      return;
    }
    case "deletecollection":
      return deleteCollection(incoming, resource, namespace, context, deleteOptions(query, body));
  }
}

/** What a patch made of an object must still be one. @throws MeshError 422, about the patch */
function checkPatched(context: RequestContext, resource: ResourceInfo, patched: unknown): unknown {
  try {
    decodeObject({ ...context, warnings: [] }, resource, patched);
  } catch (caught) {
    const why = (caught as Error).message.replace(/^.*? cannot be handled as a \w+: (json: )?/, "$1");
    const { metadata, ...rest } = patched as KubeObject;
    const text = JSON.stringify({ ...rest, metadata });
    throw invalid({ group: "", plural: "", kind: "" }, "", [
      {
        field: "patch",
        reason: "FieldValueInvalid",
        message: `Invalid value: ${JSON.stringify(text)}: ${why}`,
      },
    ]);
  }
  return patched;
}

function scope(resource: ResourceInfo, namespace: string | undefined): string | undefined {
  return resource.namespaced ? namespace : "";
}

function stored({ parts, path }: ResourceRequest, resource: ResourceInfo): KubeObject {
  return parts.operations.get(resource, path.namespace, path.name);
}

/** The namespace of the URL; in a POST to all namespaces, nobody's. */
function createNamespace(resource: ResourceInfo, path: ResourcePath, body: unknown): string {
  if (!resource.namespaced) return "";
  if (path.namespace) return path.namespace;
  const named = (body as KubeObject | undefined)?.metadata?.namespace;
  throw badRequest(
    `an empty namespace may not be set during creation: post to /namespaces/${named ?? "<namespace>"}/${resource.plural}`,
  );
}

async function deleteCollection(
  { parts, path, query, response }: ResourceRequest,
  resource: ResourceInfo,
  namespace: string | undefined,
  context: RequestContext,
  options: DeleteOptions,
): Promise<void> {
  if (resource.namespaced && !path.namespace) throw methodNotAllowed();
  const selected = selectionOf(resource, "", query);
  const objects = parts.store.list(resource.bucket, scope(resource, namespace)).filter(selected);
  for (const object of objects) {
    await parts.operations
      .remove(context, resource, path.namespace, object.metadata.name!, options)
      .catch((caught: unknown) => {
        // Gone meanwhile: that is what was asked for.
        if (parts.store.get(resource.bucket, path.namespace, object.metadata.name!)) throw caught;
      });
  }
  const items = objects.map((object) => fromStorage(resource, object));
  sendJson(
    response,
    200,
    JSON.stringify({
      kind: `${resource.kind}List`,
      apiVersion: resource.group ? `${resource.group}/${resource.version}` : resource.version,
      metadata: { resourceVersion: String(parts.store.version) },
      items,
    }),
  );
}
