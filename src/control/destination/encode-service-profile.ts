import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  DestinationProfileSchema,
  RequestMatchSchema,
  ResponseMatchSchema,
} from "../../api/gen/io/linkerd/proxy/destination_pb.js";
import type { KubeObject } from "../../base/kube-object.ts";
import type { ControlSettings } from "../control-settings.ts";
import { groupOf } from "../index/custom-objects.ts";
import { encodeMethod } from "../policy/routes/encode-match.ts";
import { encodeDuration, resourceMetadata, serviceMetadata } from "../serve/encode-values.ts";
import { parseAuthority } from "./authority.ts";
import type { ProfileMatch, ServiceProfileSpec } from "./service-profile.ts";

type ProfileInit = MessageInitShape<typeof DestinationProfileSchema>;
type RequestMatchInit = MessageInitShape<typeof RequestMatchSchema>;
type ResponseMatchInit = MessageInitShape<typeof ResponseMatchSchema>;

/** On the wire a weight is a whole number: 1 becomes this. */
const WEIGHT_UNIT = 10_000;

/** What a ServiceProfile adds to the profile of its Service (reference proxy-api 6.3). */
export function encodeServiceProfile(
  object: KubeObject,
  spec: ServiceProfileSpec,
  port: number,
  { clusterDomain }: ControlSettings,
): Pick<ProfileInit, "routes" | "retryBudget" | "dstOverrides" | "profileRef"> {
  const { namespace = "", name = "" } = object.metadata;
  const budget = spec.retryBudget;
  return {
    routes: spec.routes.map(({ name: route, condition, isRetryable, timeoutMs, responseClasses }) => ({
      condition: encodeRequestMatch(condition),
      isRetryable,
      responseClasses: responseClasses.map((each) => ({
        condition: encodeResponseMatch(each.condition),
        isFailure: each.isFailure,
      })),
      metricsLabels: { route },
      ...(timeoutMs !== undefined && { timeout: encodeDuration(timeoutMs) }),
    })),
    ...(budget && {
      retryBudget: {
        retryRatio: budget.retryRatio,
        minRetriesPerSecond: budget.minRetriesPerSecond,
        ttl: encodeDuration(budget.ttlMs),
      },
    }),
    dstOverrides: spec.overrides.map(({ authority, weight }) => {
      const withPort = /:\d+$/.test(authority) ? authority : `${authority.replace(/\.$/, "")}:${port}`;
      const target = parseAuthority(withPort, clusterDomain);
      return {
        authority: withPort,
        weight: Math.round(weight * WEIGHT_UNIT),
        ...(target?.kind === "service" && {
          backendRef: serviceMetadata(target.namespace, target.service, target.port),
        }),
      };
    }),
    profileRef: resourceMetadata(groupOf(object.apiVersion), object.kind, namespace, name),
  };
}

function encodeRequestMatch(match: ProfileMatch): RequestMatchInit {
  const parts: RequestMatchInit[] = [];
  if (match.all)
    parts.push({ match: { case: "all", value: { matches: match.all.map(encodeRequestMatch) } } });
  if (match.any)
    parts.push({ match: { case: "any", value: { matches: match.any.map(encodeRequestMatch) } } });
  if (match.not) parts.push({ match: { case: "not", value: encodeRequestMatch(match.not) } });
  if (match.method !== undefined)
    parts.push({ match: { case: "method", value: encodeMethod(match.method, "method") } });
  if (match.pathRegex !== undefined)
    parts.push({ match: { case: "path", value: { regex: match.pathRegex } } });
  return parts.length === 1 ? parts[0]! : { match: { case: "all", value: { matches: parts } } };
}

function encodeResponseMatch(match: ProfileMatch): ResponseMatchInit {
  const parts: ResponseMatchInit[] = [];
  if (match.all)
    parts.push({ match: { case: "all", value: { matches: match.all.map(encodeResponseMatch) } } });
  if (match.any)
    parts.push({ match: { case: "any", value: { matches: match.any.map(encodeResponseMatch) } } });
  if (match.not) parts.push({ match: { case: "not", value: encodeResponseMatch(match.not) } });
  if (match.status) {
    // One bound alone means that one status, and proxies want both.
    const { min = match.status.max ?? 0, max = match.status.min ?? 0 } = match.status;
    parts.push({ match: { case: "status", value: { min, max } } });
  }
  return parts.length === 1 ? parts[0]! : { match: { case: "all", value: { matches: parts } } };
}
