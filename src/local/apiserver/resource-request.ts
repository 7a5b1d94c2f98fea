import type { IncomingMessage, ServerResponse } from "node:http";
import type { KubeObject } from "../../base/kube-object.ts";
import type { RequestContext, UserInfo } from "./context.ts";
import type { DeleteOptions } from "./deletion.ts";
import { encodeFor } from "./list.ts";
import type { ResourcePath } from "./request-info.ts";
import type { ResourceInfo } from "./resource-info.ts";
import { representationOf, sendJson } from "./respond.ts";
import type { ServerParts } from "./server-parts.ts";
import { badRequest } from "./status.ts";
import type { Column } from "./table/column.ts";
import { columnsOf } from "./table/columns.ts";
import { type IncludeObject, partialMetadata, renderTable } from "./table/render.ts";

/** One request about a resource, authorised already. */
export interface ResourceRequest {
  readonly parts: ServerParts;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly path: ResourcePath;
  readonly query: URLSearchParams;
  /** The query as sent, with its `?`; "" when there is none. */
  readonly search: string;
  readonly verb: string;
  readonly user: UserInfo;
}

export function contextOf({
  query,
  user,
  request,
}: Pick<ResourceRequest, "query" | "user" | "request">): RequestContext {
  const dryRun = query.getAll("dryRun");
  if (dryRun.some((each) => each !== "All")) {
    throw badRequest(`dryRun: Unsupported value: ${JSON.stringify(dryRun)}: supported values: "All"`);
  }
  const validation = query.get("fieldValidation") || "Warn";
  if (!["Ignore", "Warn", "Strict"].includes(validation)) {
    throw badRequest(
      `fieldValidation: Unsupported value: "${validation}": supported values: "", "Ignore", "Strict", "Warn"`,
    );
  }
  return {
    user,
    dryRun: dryRun.length > 0,
    fieldValidation: validation as RequestContext["fieldValidation"],
    // As Kubernetes: who names no manager is known by the program's name.
    fieldManager: query.get("fieldManager") || (request.headers["user-agent"] ?? "unknown").split("/")[0]!,
    warnings: [],
  };
}

/** One object, as the client wants to see it. */
export function sendObject(
  incoming: ResourceRequest,
  resource: ResourceInfo,
  code: number,
  object: KubeObject,
): void {
  const encode = () => encodeFor(incoming.parts.store, resource, object);
  sendAs(incoming, resource, code, object, encode, columnsOf(resource));
}

/** The same with columns and an encoding of its own. */
export function sendAs(
  incoming: ResourceRequest,
  resource: ResourceInfo,
  code: number,
  object: KubeObject,
  encode: () => string,
  columns: readonly Column[],
): void {
  const { parts, request, response, query } = incoming;
  const representation = representationOf(request.headers.accept);
  if (representation === "table") {
    const include = (query.get("includeObject") ?? "Metadata") as IncludeObject;
    const table = renderTable(resource, [object], include, parts.lists.now(), true, columns);
    const metadata = { resourceVersion: object.metadata.resourceVersion };
    sendJson(response, code, JSON.stringify({ ...table, metadata }));
  } else if (representation === "metadata") sendJson(response, code, JSON.stringify(partialMetadata(object)));
  else sendJson(response, code, encode());
}

export function deleteOptions(query: URLSearchParams, body: unknown): DeleteOptions {
  const sent = (body ?? {}) as DeleteOptions;
  const grace = query.get("gracePeriodSeconds");
  const policy = query.get("propagationPolicy");
  const options = {
    ...sent,
    ...(grace === null ? {} : { gracePeriodSeconds: Number(grace) }),
    ...(policy === null ? {} : { propagationPolicy: policy as "Background" }),
  };
  const policies = ["Background", "Foreground", "Orphan"];
  if (options.propagationPolicy !== undefined && !policies.includes(options.propagationPolicy)) {
    throw badRequest(
      `propagationPolicy: Unsupported value: "${options.propagationPolicy}": supported values: ${policies.join(", ")}`,
    );
  }
  if (options.gracePeriodSeconds !== undefined && !Number.isInteger(options.gracePeriodSeconds)) {
    throw badRequest(`gracePeriodSeconds: Invalid value: "${grace}": must be an integer`);
  }
  return options;
}
