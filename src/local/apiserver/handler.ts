import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { authenticate, impersonatedUser, unauthorized } from "./auth/authenticate.ts";
import { type Attributes, refusal } from "./auth/rbac.ts";
import { ISSUER } from "./auth/tokens.ts";
import type { UserInfo } from "./context.ts";
import { AGGREGATED_TYPE, wantsAggregated } from "./discovery.ts";
import { OPENAPI_V2_JSON, OPENAPI_V2_PROTOBUF } from "./openapi.ts";
import { attributesOf, parseResourcePath, type ResourcePath, verbOf } from "./request-info.ts";
import { sendError, sendJson, sendText } from "./respond.ts";
import { serveResource } from "./rest.ts";
import type { ServerParts } from "./server-parts.ts";
import { forbidden, unknownPath } from "./status.ts";
import { parseProxyTarget } from "./subresources/proxy.ts";
import { refuseUpgrade, serveUpgrade } from "./upgrade.ts";

/** Open to everyone, without credentials. */
const PUBLIC_PATHS = new Set(["/healthz", "/livez", "/readyz", "/version", "/version/"]);

interface Target {
  readonly pathname: string;
  readonly search: string;
  readonly query: URLSearchParams;
  readonly path: ResourcePath | undefined;
}

/** Who asks for what, whether they may, and who answers. */
export interface Handler {
  request(request: IncomingMessage, response: ServerResponse): void;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

export function createHandler(parts: ServerParts): Handler {
  const authorise = (request: IncomingMessage, target: Target): UserInfo => {
    const caller = authenticate(request, parts.tokens);
    if (!caller) throw unauthorized();
    const user = impersonate(parts, request, caller);
    const attributes = attributesFor(request, target);
    if (!parts.rbac.isAllowed(user, attributes)) throw denial(user, attributes);
    return user;
  };

  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const target = targetOf(request);
    const { pathname, path, query, search } = target;
    if (PUBLIC_PATHS.has(pathname)) return servePublic(parts, response, pathname);
    const user = authorise(request, target);
    if (!path) {
      if (!/^\/(apis?|openapi|openid|\.well-known)(\/|$)/.test(pathname)) {
        sendText(response, 404, "404 page not found\n");
        return;
      }
      return serveDocument(parts, request, response, pathname);
    }
    const verb = verbOf(request.method ?? "GET", path, query);
    await serveResource({ parts, request, response, path, query, search, verb, user });
  };

  return {
    request(request, response) {
      respond(request, response).catch((caught: unknown) => {
        const failure = caught as Error;
        if (!response.headersSent && !("code" in failure)) {
          parts.log.error("request failed", { path: request.url, why: failure.stack ?? failure.message });
        }
        // An unread body would be taken for the next request.
        if (!request.complete) response.setHeader?.("connection", "close");
        sendError(response, caught);
      });
    },
    upgrade(request, socket, head) {
      socket.on("error", () => socket.destroy());
      try {
        const target = targetOf(request);
        authorise(request, target);
        if (!target.path) throw unknownPath();
        serveUpgrade(parts, request, socket, head, target.path, target.query);
      } catch (caught) {
        refuseUpgrade(socket, caught);
      }
    },
  };
}

function targetOf(request: IncomingMessage): Target {
  const url = request.url ?? "/";
  const mark = url.indexOf("?");
  const pathname = mark < 0 ? url : url.slice(0, mark);
  const search = mark < 0 ? "" : url.slice(mark);
  return { pathname, search, query: new URLSearchParams(search), path: parseResourcePath(pathname) };
}

function attributesFor(request: IncomingMessage, { pathname, path, query }: Target): Attributes {
  if (!path) return { verb: (request.method ?? "GET").toLowerCase(), path: pathname };
  const attributes = attributesOf(path, verbOf(request.method ?? "GET", path, query));
  // Permission is about the pod, whatever port of it is asked for.
  if (path.subresource === "proxy" && !("path" in attributes)) {
    return { ...attributes, name: parseProxyTarget(path.name).name };
  }
  // A subresource is never listed: a GET of it is a get.
  if (path.subresource && !("path" in attributes) && ["list", "watch"].includes(attributes.verb)) {
    return { ...attributes, verb: "get" };
  }
  return attributes;
}

function impersonate(parts: ServerParts, request: IncomingMessage, caller: UserInfo): UserInfo {
  const wanted = impersonatedUser(request);
  if (!wanted) return caller;
  const check = (group: string, resource: string, name: string, namespace = ""): void => {
    const attributes = { verb: "impersonate", group, resource, subresource: "", namespace, name };
    if (!parts.rbac.isAllowed(caller, attributes)) throw denial(caller, attributes);
  };
  const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(wanted.name);
  if (account) check("", "serviceaccounts", account[2]!, account[1]!);
  else check("", "users", wanted.name);
  for (const group of request.headersDistinct["impersonate-group"] ?? []) check("", "groups", group);
  for (const [key, values] of Object.entries(wanted.extra ?? {})) {
    for (const value of values) check("authentication.k8s.io", `userextras/${key}`, value);
  }
  return wanted;
}

function denial(user: UserInfo, attributes: Attributes): Error {
  const why = refusal(user, attributes);
  if ("path" in attributes) return forbidden(undefined, "", `forbidden: ${why}`);
  const named = { group: attributes.group, plural: attributes.resource, kind: attributes.resource };
  return forbidden(named, attributes.name, why);
}

function servePublic(parts: ServerParts, response: ServerResponse, pathname: string): void {
  if (!pathname.startsWith("/version")) {
    sendText(response, 200, "ok");
    return;
  }
  const [major = "1", minor = "0"] = parts.gitVersion.slice(1).split(".");
  sendJson(
    response,
    200,
    JSON.stringify({
      major,
      minor,
      gitVersion: parts.gitVersion,
      gitCommit: "",
      gitTreeState: "clean",
      buildDate: "",
      goVersion: "",
      compiler: "node",
      platform: "local",
    }),
  );
}

/** Paths that are no resources: discovery, OpenAPI, OIDC. */
function serveDocument(
  parts: ServerParts,
  request: IncomingMessage,
  response: ServerResponse,
  pathname: string,
): void {
  const { discovery, openApi } = parts;
  const path = pathname.replace(/\/$/, "");
  if ((path === "/api" || path === "/apis") && wantsAggregated(request.headers.accept)) {
    const { body, etag } = discovery.aggregated(path === "/api");
    response.setHeader("etag", etag);
    response.setHeader("vary", "Accept");
    if (request.headers["if-none-match"] === etag) {
      response.writeHead(304).end();
      return;
    }
    response.writeHead(200, { "content-type": AGGREGATED_TYPE, "content-length": Buffer.byteLength(body) });
    response.end(body);
    return;
  }
  if (path === "/openapi/v2") {
    if ((request.headers.accept ?? "").includes("protobuf")) {
      response.writeHead(200, {
        "content-type": "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
      });
      response.end(OPENAPI_V2_PROTOBUF);
    } else sendJson(response, 200, OPENAPI_V2_JSON);
    return;
  }
  const segments = path.split("/").slice(1);
  let document: unknown;
  if (path === "/api") document = discovery.coreVersions();
  else if (path === "/apis") document = discovery.groups();
  else if (path === "/openapi/v3") document = openApi.index();
  else if (path === "/.well-known/openid-configuration") {
    document = {
      issuer: ISSUER,
      jwks_uri: `${ISSUER}/openid/v1/jwks`,
      response_types_supported: ["id_token"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: ["ES256"],
    };
  } else if (path === "/openid/v1/jwks") document = parts.tokens.jwks;
  else if (segments[0] === "api" && segments.length === 2) document = discovery.resources("", segments[1]!);
  else if (segments[0] === "apis" && segments.length === 2) document = discovery.group(segments[1]!);
  else if (segments[0] === "apis" && segments.length === 3)
    document = discovery.resources(segments[1]!, segments[2]!);
  else if (path.startsWith("/openapi/v3/api/")) document = openApi.document("", segments[3] ?? "");
  else if (path.startsWith("/openapi/v3/apis/"))
    document = openApi.document(segments[3] ?? "", segments[4] ?? "");
  if (document === undefined) throw unknownPath();
  sendJson(response, 200, JSON.stringify(document));
}
