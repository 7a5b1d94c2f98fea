import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  PathModifierSchema,
  RequestHeaderModifierSchema,
  RequestRedirectSchema,
  ResponseHeaderModifierSchema,
  UrlRewriteSchema,
} from "../../../api/gen/io/linkerd/proxy/http_route_pb.js";
import { type HeadersSchema, Scheme_Registered } from "../../../api/gen/io/linkerd/proxy/http_types_pb.js";
import { RouteProblem } from "./route-problem.ts";

// biome-ignore lint/suspicious/noExplicitAny: parts of objects, as they stand there
type Raw = any;

/** A filter of an HTTPRoute or GRPCRoute. */
export type EncodedFilter =
  | {
      readonly case: "requestHeaderModifier";
      readonly value: MessageInitShape<typeof RequestHeaderModifierSchema>;
    }
  | {
      readonly case: "responseHeaderModifier";
      readonly value: MessageInitShape<typeof ResponseHeaderModifierSchema>;
    }
  | { readonly case: "redirect"; readonly value: MessageInitShape<typeof RequestRedirectSchema> }
  | { readonly case: "urlRewrite"; readonly value: MessageInitShape<typeof UrlRewriteSchema> }
  | { readonly case: "mirror"; readonly value: MirrorFilter };

/** Both directions have the same fields. */
type ModifierInit = Omit<MessageInitShape<typeof RequestHeaderModifierSchema>, "$typeName" | "$unknown">;

/** Its backend is for the caller to resolve: it depends on the direction. */
export interface MirrorFilter {
  readonly backendRef: Raw;
  readonly ratio: { readonly numerator: number; readonly denominator: number } | undefined;
}

const DEFAULT_REDIRECT_STATUS = 302;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\uffff]*$/;

/**
 * One filter.
 *
 * @param at  its field, for problems
 * @throws RouteProblem for one that we do not have, or that means nothing
 */
export function encodeFilter(filter: Raw, at: string): EncodedFilter {
  switch (filter.type) {
    case "RequestHeaderModifier":
      return {
        case: "requestHeaderModifier",
        value: encodeModifier(filter.requestHeaderModifier, `${at}.requestHeaderModifier`),
      };
    case "ResponseHeaderModifier":
      return {
        case: "responseHeaderModifier",
        value: encodeModifier(filter.responseHeaderModifier, `${at}.responseHeaderModifier`),
      };
    case "RequestRedirect":
      return { case: "redirect", value: encodeRedirect(filter.requestRedirect, `${at}.requestRedirect`) };
    case "URLRewrite":
      return { case: "urlRewrite", value: encodeRewrite(filter.urlRewrite, `${at}.urlRewrite`) };
    case "RequestMirror":
      return { case: "mirror", value: readMirror(filter.requestMirror, `${at}.requestMirror`) };
    default:
      throw new RouteProblem(`${at}.type`, `${filter.type} is not supported`);
  }
}

function encodeModifier(modifier: Raw, at: string): ModifierInit {
  for (const name of modifier?.remove ?? []) checkName(name, `${at}.remove`);
  return {
    add: encodeHeaders(modifier?.add, `${at}.add`),
    set: encodeHeaders(modifier?.set, `${at}.set`),
    remove: modifier?.remove ?? [],
  };
}

function encodeHeaders(headers: Raw, at: string): MessageInitShape<typeof HeadersSchema> {
  const list = (headers ?? []) as readonly { name: string; value?: string }[];
  return {
    headers: list.map(({ name, value = "" }) => {
      checkName(name, at);
      if (!VALUE.test(value)) throw new RouteProblem(at, `the value of ${name} has control characters`);
      return { name, value: Buffer.from(value, "utf8") };
    }),
  };
}

function checkName(name: string, at: string): void {
  if (!TOKEN.test(name ?? "")) throw new RouteProblem(at, `${JSON.stringify(name)} is no header name`);
}

function encodeRedirect(redirect: Raw, at: string): MessageInitShape<typeof RequestRedirectSchema> {
  const { scheme, hostname = "", port, path, statusCode = DEFAULT_REDIRECT_STATUS } = redirect ?? {};
  if (scheme !== undefined && scheme !== "http" && scheme !== "https") {
    throw new RouteProblem(`${at}.scheme`, `${JSON.stringify(scheme)} is neither http nor https`);
  }
  return {
    ...(scheme && {
      scheme: {
        type: {
          case: "registered" as const,
          value: scheme === "https" ? Scheme_Registered.HTTPS : Scheme_Registered.HTTP,
        },
      },
    }),
    host: hostname,
    ...(path && { path: encodePathModifier(path, `${at}.path`) }),
    // Without a port, a scheme brings its own (Gateway API, HTTPRequestRedirectFilter.port); a proxy would keep the request's.
    port: port ?? (scheme === "https" ? 443 : scheme === "http" ? 80 : 0),
    status: statusCode,
  };
}

function encodeRewrite(rewrite: Raw, at: string): MessageInitShape<typeof UrlRewriteSchema> {
  const { hostname = "", path } = rewrite ?? {};
  return { host: hostname, ...(path && { path: encodePathModifier(path, `${at}.path`) }) };
}

function encodePathModifier(path: Raw, at: string): MessageInitShape<typeof PathModifierSchema> {
  switch (path.type) {
    case "ReplaceFullPath":
      return { replace: { case: "full", value: absolute(path.replaceFullPath ?? "/", at) } };
    case "ReplacePrefixMatch":
      return { replace: { case: "prefix", value: absolute(path.replacePrefixMatch ?? "/", at) } };
    default:
      throw new RouteProblem(`${at}.type`, `${path.type} is not supported`);
  }
}

/** "" replaces a prefix by nothing, which is the same as `/`. */
function absolute(path: string, at: string): string {
  if (path === "") return "/";
  if (path.startsWith("/")) return path;
  throw new RouteProblem(at, `${JSON.stringify(path)} does not begin with /`);
}

function readMirror(mirror: Raw, at: string): MirrorFilter {
  if (!mirror?.backendRef) throw new RouteProblem(`${at}.backendRef`, "is missing");
  const { percent, fraction } = mirror;
  const denominator = percent === undefined ? (fraction?.denominator ?? 100) : 100;
  const numerator = percent ?? fraction?.numerator;
  if (numerator === undefined) return { backendRef: mirror.backendRef, ratio: undefined };
  if (!(numerator >= 0 && denominator > 0 && numerator <= denominator)) {
    throw new RouteProblem(at, `${numerator} of ${denominator} is no share`);
  }
  return { backendRef: mirror.backendRef, ratio: { numerator, denominator } };
}
