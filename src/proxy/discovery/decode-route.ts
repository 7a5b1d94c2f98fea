import type { GrpcFailureInjector, GrpcRouteMatch } from "../../api/gen/io/linkerd/proxy/grpc_route_pb.js";
import type {
  HeaderMatch,
  HostMatch as HostMatchMessage,
  HttpFailureInjector,
  HttpRouteMatch,
  PathMatch,
  PathModifier,
  QueryParamMatch,
  Ratio,
  RequestHeaderModifier,
  RequestRedirect,
  ResponseHeaderModifier,
  UrlRewrite,
} from "../../api/gen/io/linkerd/proxy/http_route_pb.js";
import type { Headers, HttpMethod, Scheme } from "../../api/gen/io/linkerd/proxy/http_types_pb.js";
import type { HeaderModifier, HostMatch, HttpFilter, HttpMatch, Redirect } from "../../policy/route.ts";
import { decodeRegex } from "./decode-regex.ts";
import { present, undecodable } from "./decode-values.ts";

/*
 * Matches and filters of both directions. Every broken rule throws POLICY_UNDECODABLE: half a policy could let in what it should not.
 * See reference: proxy-api sections 3 to 5.
 */

const METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "HEAD", "TRACE"] as const;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// Visible characters, spaces, tabs and obs-text, read as latin1 (RFC 9110 section 5.5).
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

export function decodeHost(message: HostMatchMessage): HostMatch {
  switch (message.match.case) {
    case "exact":
      return { kind: "exact", host: message.match.value.toLowerCase() };
    case "suffix":
      return { kind: "suffix", suffix: suffixOf(message.match.value.reverseLabels) };
    default:
      throw undecodable("a host match", "it is neither exact nor suffix");
  }
}

/** `["com", "example"]` is `.example.com`. */
export function suffixOf(reverseLabels: readonly string[]): string {
  return `.${[...reverseLabels].reverse().join(".").toLowerCase()}`;
}

export function decodeHttpMatch(message: HttpRouteMatch): HttpMatch {
  return {
    path: message.path && decodePath(message.path),
    headers: message.headers.map(decodeHeaderMatch),
    queryParams: message.queryParams.map(decodeQueryMatch),
    method: message.method && decodeMethod(message.method),
  };
}

/** A gRPC match in terms of HTTP: POST to `/service/method`. Longer services rank above, then methods. */
export function decodeGrpcMatch(message: GrpcRouteMatch): HttpMatch {
  const { service, method } = present(message.rpc, "the rpc of a gRPC match");
  let path: HttpMatch["path"];
  if (service !== "" && method !== "") path = { kind: "exact", value: `/${service}/${method}` };
  else if (service !== "") path = { kind: "prefix", value: `/${service}` };
  // Any service outranks a method alone, so its rank is the lowest there is.
  else if (method !== "")
    path = { kind: "regex", value: new RegExp(`/[^/]+/${escapeRegex(method)}`), length: 1 };
  return { path, headers: message.headers.map(decodeHeaderMatch), queryParams: [], method: "POST" };
}

export function decodeMethod(message: HttpMethod): string {
  switch (message.type.case) {
    case "registered": {
      const method = METHODS[message.type.value];
      if (method === undefined) throw undecodable("a method", `number ${message.type.value} is unknown`);
      return method;
    }
    case "unregistered":
      if (!TOKEN.test(message.type.value)) throw undecodable("a method", JSON.stringify(message.type.value));
      return message.type.value;
    default:
      throw undecodable("a method", "it is empty");
  }
}

export function decodeRequestHeaders(message: RequestHeaderModifier): HttpFilter {
  return { kind: "request-headers", modifier: decodeModifier(message) };
}

export function decodeResponseHeaders(message: ResponseHeaderModifier): HttpFilter {
  return { kind: "response-headers", modifier: decodeModifier(message) };
}

export function decodeRedirect(message: RequestRedirect): HttpFilter {
  const status = message.status === 0 ? 301 : message.status;
  if (status < 300 || status > 399) throw undecodable("a redirect", `status ${status}`);
  if (message.port > 65535) throw undecodable("a redirect", `port ${message.port}`);
  return {
    kind: "redirect",
    redirect: {
      scheme: message.scheme && decodeScheme(message.scheme),
      host: message.host === "" ? undefined : message.host,
      port: message.port === 0 ? undefined : message.port,
      path: message.path && decodePathModifier(message.path, "a redirect"),
      status,
    },
  };
}

export function decodeRewrite(message: UrlRewrite): HttpFilter {
  return {
    kind: "rewrite",
    rewrite: {
      host: message.host === "" ? undefined : message.host,
      path: message.path && decodePathModifier(message.path, "a rewrite"),
    },
  };
}

function decodePathModifier({ replace }: PathModifier, where: string): NonNullable<Redirect["path"]> {
  if (replace.case === undefined) throw undecodable(where, "its path modifier is empty");
  if (!replace.value.startsWith("/")) {
    throw undecodable(where, `path ${JSON.stringify(replace.value)} does not begin with /`);
  }
  return { kind: replace.case, value: replace.value };
}

export function decodeHttpFailure(message: HttpFailureInjector): HttpFilter {
  if (message.status < 100 || message.status > 999) {
    throw undecodable("a failure injector", `status ${message.status}`);
  }
  return {
    kind: "failure",
    status: message.status,
    message: message.message,
    ratio: decodeRatio(message.ratio),
  };
}

export function decodeGrpcFailure(message: GrpcFailureInjector): HttpFilter {
  if (message.code > 0xffff) throw undecodable("a gRPC failure injector", `code ${message.code}`);
  return {
    kind: "failure",
    status: 200,
    // Codes outside the known ones are answered as UNKNOWN.
    grpcCode: message.code <= 16 ? message.code : 2,
    message: message.message,
    ratio: decodeRatio(message.ratio),
  };
}

function decodePath(message: PathMatch): NonNullable<HttpMatch["path"]> {
  switch (message.kind.case) {
    case "exact":
      return { kind: "exact", value: message.kind.value };
    case "prefix":
      return { kind: "prefix", value: message.kind.value };
    case "regex":
      return { kind: "regex", value: decodeRegex(message.kind.value, "a path match"), length: 0 };
    default:
      throw undecodable("a path match", "it is empty");
  }
}

function decodeHeaderMatch(message: HeaderMatch): HttpMatch["headers"][number] {
  const name = decodeHeaderName(message.name);
  switch (message.value.case) {
    case "exact":
      return { name, value: decodeHeaderValue(message.value.value, name) };
    case "regex":
      return { name, value: decodeRegex(message.value.value, `a match of header ${name}`) };
    default:
      throw undecodable(`a match of header ${name}`, "it is empty");
  }
}

function decodeQueryMatch(message: QueryParamMatch): HttpMatch["queryParams"][number] {
  switch (message.value.case) {
    case "exact":
      return { name: message.name, value: message.value.value };
    case "regex":
      return {
        name: message.name,
        value: decodeRegex(message.value.value, `a match of parameter ${message.name}`),
      };
    default:
      throw undecodable(`a match of parameter ${message.name}`, "it is empty");
  }
}

function decodeModifier(message: RequestHeaderModifier | ResponseHeaderModifier): HeaderModifier {
  const list = (headers: Headers | undefined) =>
    (headers?.headers ?? []).map(
      ({ name, value }) => [checkHeaderName(name), decodeHeaderValue(value, name)] as const,
    );
  return { add: list(message.add), set: list(message.set), remove: message.remove.map(checkHeaderName) };
}

function decodeScheme(message: Scheme): string {
  switch (message.type.case) {
    case "registered":
      if (message.type.value === 0) return "http";
      if (message.type.value === 1) return "https";
      throw undecodable("a scheme", `number ${message.type.value} is unknown`);
    case "unregistered":
      if (!/^[a-z][a-z0-9+.-]*$/i.test(message.type.value)) {
        throw undecodable("a scheme", JSON.stringify(message.type.value));
      }
      return message.type.value;
    default:
      throw undecodable("a scheme", "it is empty");
  }
}

/** Absent is always. */
export function decodeRatio(ratio: Ratio | undefined): number {
  if (!ratio) return 1;
  if (ratio.numerator > ratio.denominator) {
    throw undecodable("a failure ratio", `${ratio.numerator}/${ratio.denominator}`);
  }
  return ratio.denominator === 0 ? 0 : ratio.numerator / ratio.denominator;
}

function decodeHeaderName(name: string): string {
  return checkHeaderName(name).toLowerCase();
}

function checkHeaderName(name: string): string {
  if (!TOKEN.test(name)) throw undecodable("a header name", JSON.stringify(name));
  return name;
}

function decodeHeaderValue(value: Uint8Array, name: string): string {
  const text = Buffer.from(value).toString("latin1");
  if (!HEADER_VALUE.test(text)) throw undecodable(`a value of header ${name}`, JSON.stringify(text));
  return text;
}

function escapeRegex(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}
