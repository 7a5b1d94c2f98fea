import type {
  Authz,
  GrpcRoute,
  HttpLocalRateLimit,
  HttpRoute,
  Server,
} from "../../api/gen/io/linkerd/proxy/inbound_pb.js";
import { ALL_NETWORKS } from "../../policy/default-policy.ts";
import type { Authorization, InboundRoute, RateLimit, ServerPolicy } from "../../policy/inbound.ts";
import { defaultMeta, type PolicyMeta } from "../../policy/meta.ts";
import type { HttpFilter } from "../../policy/route.ts";
import {
  decodeGrpcFailure,
  decodeGrpcMatch,
  decodeHost,
  decodeHttpFailure,
  decodeHttpMatch,
  decodeRedirect,
  decodeRequestHeaders,
} from "./decode-route.ts";
import { decodeMeta, decodeNetwork, durationMs, present, undecodable } from "./decode-values.ts";

/**
 * A port's policy out of the control plane's message. A failure anywhere invalidates the whole: serve `invalidServerPolicy` then.
 *
 * @throws MeshError `POLICY_UNDECODABLE`
 * @see reference: proxy-api section 8
 */
export function decodeServer(message: Server): ServerPolicy {
  const authorizations = message.authorizations.map(decodeAuthorization);
  // `audit` arrives as an authorization for everybody. As a property it still tells who would have been let in without it.
  const covering = authorizations.filter(({ meta }) => !(meta.kind === "default" && meta.name === "audit"));
  return {
    meta: decodeServerLabels(message.labels),
    ...decodeProtocol(message),
    authorizations: covering,
    audit: covering.length < authorizations.length,
  };
}

/** What stands in for a policy that cannot be decoded: HTTP answers 500, everything else is refused. */
export function invalidServerPolicy(): ServerPolicy {
  const meta = defaultMeta("invalid");
  const everybody: Authorization = {
    meta,
    networks: ALL_NETWORKS.map((network) => ({ network, except: [] })),
    authentication: { kind: "unauthenticated" },
  };
  const refuse: HttpFilter = { kind: "failure", status: 500, message: "invalid server policy", ratio: 1 };
  return {
    meta,
    protocol: { kind: "detect", timeoutMs: 10_000 },
    authorizations: [],
    routes: [{ meta, hosts: [], authorizations: [everybody], rules: [{ matches: [], filters: [refuse] }] }],
    rateLimit: undefined,
    audit: false,
  };
}

function decodeProtocol({ protocol }: Server): Pick<ServerPolicy, "protocol" | "routes" | "rateLimit"> {
  const kind = present(protocol, "a server's protocol").kind;
  switch (kind.case) {
    case "detect":
      return {
        protocol: {
          kind: "detect",
          timeoutMs: durationMs(present(kind.value.timeout, "the detection timeout")),
        },
        routes: kind.value.httpRoutes.map(decodeHttpRoute),
        rateLimit: decodeRateLimit(kind.value.httpLocalRateLimit),
      };
    case "http1":
    case "http2":
      return {
        protocol: { kind: kind.case },
        routes: kind.value.routes.map(decodeHttpRoute),
        rateLimit: decodeRateLimit(kind.value.localRateLimit),
      };
    case "grpc":
      return {
        protocol: { kind: "grpc" },
        routes: kind.value.routes.map(decodeGrpcRoute),
        rateLimit: undefined,
      };
    case "opaque":
    case "tls":
      return { protocol: { kind: kind.case }, routes: [], rateLimit: undefined };
    default:
      throw undecodable("a server's protocol", "its kind is absent");
  }
}

function decodeHttpRoute(message: HttpRoute): InboundRoute {
  return {
    meta: decodeMeta(message.metadata, "a route's metadata", "inbound"),
    hosts: message.hosts.map(decodeHost),
    authorizations: message.authorizations.map(decodeAuthorization),
    rules: message.rules.map((rule) => ({
      matches: rule.matches.map(decodeHttpMatch),
      filters: rule.filters.map(({ kind }) => {
        switch (kind.case) {
          case "failureInjector":
            return decodeHttpFailure(kind.value);
          case "requestHeaderModifier":
            return decodeRequestHeaders(kind.value);
          case "redirect":
            return decodeRedirect(kind.value);
          default:
            throw undecodable("a filter", "its kind is absent");
        }
      }),
    })),
  };
}

function decodeGrpcRoute(message: GrpcRoute): InboundRoute {
  return {
    meta: decodeMeta(message.metadata, "a gRPC route's metadata", "inbound"),
    hosts: message.hosts.map(decodeHost),
    authorizations: message.authorizations.map(decodeAuthorization),
    rules: message.rules.map((rule) => ({
      matches: rule.matches.map(decodeGrpcMatch),
      filters: rule.filters.map(({ kind }) => {
        switch (kind.case) {
          case "failureInjector":
            return decodeGrpcFailure(kind.value);
          case "requestHeaderModifier":
            return decodeRequestHeaders(kind.value);
          default:
            throw undecodable("a gRPC filter", "its kind is absent");
        }
      }),
    })),
  };
}

function decodeAuthorization(message: Authz): Authorization {
  const meta = message.metadata
    ? decodeMeta(message.metadata, "an authorization's metadata", "inbound")
    : metaFromLabels(message.labels, "serverauthorization", "an authorization's labels");
  if (message.networks.length === 0) throw undecodable(`authorization ${meta.name}`, "it has no network");
  return {
    meta,
    networks: message.networks.map(({ net, except }) => ({
      network: decodeNetwork(net, `a network of authorization ${meta.name}`),
      except: except.map((hole) => decodeNetwork(hole, `an exception of authorization ${meta.name}`)),
    })),
    authentication: decodeAuthentication(message, meta),
  };
}

function decodeAuthentication({ authentication }: Authz, meta: PolicyMeta): Authorization["authentication"] {
  const permit = present(authentication, `the authentication of ${meta.name}`).permit;
  if (permit.case === "unauthenticated") return { kind: "unauthenticated" };
  if (permit.case !== "meshTLS")
    throw undecodable(`the authentication of ${meta.name}`, "it permits nothing known");
  const { clients } = permit.value;
  switch (clients.case) {
    case "unauthenticated":
      return { kind: "tls-unauthenticated" };
    case "identities":
      return {
        kind: "identities",
        identities: new Set(clients.value.identities.map(({ name }) => name)),
        suffixes: clients.value.suffixes.map(({ parts }) =>
          parts.length === 0 ? "" : `.${parts.join(".")}`,
        ),
      };
    default:
      throw undecodable(`the authentication of ${meta.name}`, "it names no clients");
  }
}

/** `name` is required; the others default to a Server of the policy group. */
function decodeServerLabels(labels: Readonly<Record<string, string>>): PolicyMeta {
  return metaFromLabels(labels, "server", "a server's labels");
}

/** Understands today's labels (`group`, `kind`, `name`) and the legacy names `default:<x>` and `<kind>:<name>`. */
function metaFromLabels(
  labels: Readonly<Record<string, string>>,
  defaultKind: string,
  where: string,
): PolicyMeta {
  const name = present(labels.name, `${where}, name,`);
  if (labels.kind === undefined && name.includes(":")) {
    const [kind, rest] = name.split(/:(.*)/) as [string, string];
    if (kind === "default") return defaultMeta(rest);
    return { group: "policy.linkerd.io", kind, namespace: "", name: rest, section: "", port: 0 };
  }
  return {
    group: labels.group ?? "policy.linkerd.io",
    kind: labels.kind ?? defaultKind,
    namespace: "",
    name,
    section: "",
    port: 0,
  };
}

function decodeRateLimit(message: HttpLocalRateLimit | undefined): RateLimit | undefined {
  if (!message) return undefined;
  return {
    meta: decodeMeta(message.metadata, "a rate limit's metadata", "inbound"),
    total: message.total?.requestsPerSecond ?? 0,
    perIdentity: message.identity?.requestsPerSecond ?? 0,
    overrides: message.overrides.map(({ limit, clients }) => ({
      identities: new Set((clients?.identities ?? []).map(({ name }) => name).filter((name) => name !== "")),
      requestsPerSecond: limit?.requestsPerSecond ?? 0,
    })),
  };
}
