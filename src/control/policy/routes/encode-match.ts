import type { MessageInitShape } from "@bufbuild/protobuf";
import type { GrpcRouteMatchSchema } from "../../../api/gen/io/linkerd/proxy/grpc_route_pb.js";
import type {
  HeaderMatchSchema,
  HostMatchSchema,
  HttpRouteMatchSchema,
  PathMatchSchema,
  QueryParamMatchSchema,
} from "../../../api/gen/io/linkerd/proxy/http_route_pb.js";
import {
  HttpMethod_Registered,
  type HttpMethodSchema,
} from "../../../api/gen/io/linkerd/proxy/http_types_pb.js";
import { tryCompileRegex } from "../../../policy/route-regex.ts";
import { RouteProblem } from "./route-problem.ts";

// biome-ignore lint/suspicious/noExplicitAny: parts of objects, as they stand there
type Raw = any;

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** `spec.hostnames` as the wire has them. */
export function encodeHosts(
  hostnames: readonly string[] | undefined,
): MessageInitShape<typeof HostMatchSchema>[] {
  return (hostnames ?? []).map((hostname) =>
    hostname.startsWith("*.")
      ? { match: { case: "suffix", value: { reverseLabels: hostname.slice(2).split(".").reverse() } } }
      : { match: { case: "exact", value: hostname } },
  );
}

/**
 * One entry of an HTTPRoute's `matches`. The server's schema gives paths that are left out the prefix `/`; so do we, where there is no server.
 *
 * @param at  its field, for problems
 * @throws RouteProblem
 */
export function encodeHttpMatch(match: Raw, at: string): MessageInitShape<typeof HttpRouteMatchSchema> {
  return {
    path: encodePath(match.path, `${at}.path`),
    headers: list(match.headers).map((header, index) => encodeHeader(header, `${at}.headers[${index}]`)),
    queryParams: list(match.queryParams).map((param, index) =>
      encodeQueryParam(param, `${at}.queryParams[${index}]`),
    ),
    ...(match.method && { method: encodeMethod(match.method, `${at}.method`) }),
  };
}

/**
 * One entry of a GRPCRoute's `matches`.
 *
 * @throws RouteProblem
 */
export function encodeGrpcMatch(match: Raw, at: string): MessageInitShape<typeof GrpcRouteMatchSchema> {
  const { method } = match;
  if (method && (method.type ?? "Exact") !== "Exact") {
    throw new RouteProblem(`${at}.method.type`, `${method.type} is not supported, only Exact is`);
  }
  return {
    // Mandatory on the wire; empty means any.
    rpc: { service: method?.service ?? "", method: method?.method ?? "" },
    headers: list(match.headers).map((header, index) => encodeHeader(header, `${at}.headers[${index}]`)),
  };
}

export function encodeMethod(method: string, at: string): MessageInitShape<typeof HttpMethodSchema> {
  if (!TOKEN.test(method)) throw new RouteProblem(at, `${JSON.stringify(method)} is no method`);
  const registered = (HttpMethod_Registered as Record<string, unknown>)[method];
  return typeof registered === "number"
    ? { type: { case: "registered", value: registered } }
    : { type: { case: "unregistered", value: method } };
}

function encodePath(path: Raw, at: string): MessageInitShape<typeof PathMatchSchema> {
  const value: string = path?.value ?? "/";
  switch (path?.type ?? "PathPrefix") {
    case "Exact":
      return { kind: { case: "exact", value: absolute(value, at) } };
    case "PathPrefix":
      return { kind: { case: "prefix", value: absolute(value, at) } };
    case "RegularExpression":
      return { kind: { case: "regex", value: regex(value, at) } };
    default:
      throw new RouteProblem(`${at}.type`, `${path.type} is not supported`);
  }
}

function encodeHeader(header: Raw, at: string): MessageInitShape<typeof HeaderMatchSchema> {
  if (!TOKEN.test(header.name ?? "")) {
    throw new RouteProblem(`${at}.name`, `${JSON.stringify(header.name)} is no header name`);
  }
  const value = String(header.value ?? "");
  return {
    name: header.name,
    value:
      (header.type ?? "Exact") === "Exact"
        ? { case: "exact", value: Buffer.from(value, "utf8") }
        : { case: "regex", value: regex(value, at) },
  };
}

function encodeQueryParam(param: Raw, at: string): MessageInitShape<typeof QueryParamMatchSchema> {
  const value = String(param.value ?? "");
  return {
    name: param.name,
    value:
      (param.type ?? "Exact") === "Exact"
        ? { case: "exact", value }
        : { case: "regex", value: regex(value, at) },
  };
}

function absolute(path: string, at: string): string {
  if (path.startsWith("/")) return path;
  throw new RouteProblem(at, `${JSON.stringify(path)} does not begin with /`);
}

/** One that a proxy cannot compile would make the whole policy worthless there. */
function regex(source: string, at: string): string {
  const pattern = tryCompileRegex(source);
  if (pattern instanceof RegExp) return source;
  throw new RouteProblem(at, `bad regular expression ${JSON.stringify(source)}: ${pattern.problem}`);
}

function list(value: Raw): readonly Raw[] {
  return Array.isArray(value) ? value : [];
}
