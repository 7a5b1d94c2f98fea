import { classifyGrpc } from "./classify-response.ts";
import type { RequestView } from "./match-request.ts";
import type { PolicyMeta } from "./meta.ts";
import type { OutboundRule } from "./outbound.ts";

/** What a ServiceProfile makes of a target's HTTP requests. */
export interface ProfileRouting {
  /** `name:port` of the service: servers' proxies find their profile by it. */
  readonly canonicalName: string;
  /** The first whose condition holds counts. */
  readonly routes: readonly ProfileRoute[];
  /** For requests that no route takes. */
  readonly fallback: ProfileRoute;
}

export interface ProfileRoute {
  readonly meta: PolicyMeta;
  readonly condition: RequestCondition;
  readonly rule: OutboundRule;
  /** Whether a response counts as a failure, where the route says so itself. `grpcStatus` -1: there is none. */
  readonly isFailure?: (status: number, grpcStatus: number) => boolean;
}

export type RequestCondition =
  /** Empty: holds always. */
  | { readonly kind: "all"; readonly conditions: readonly RequestCondition[] }
  /** Empty: holds never. */
  | { readonly kind: "any"; readonly conditions: readonly RequestCondition[] }
  | { readonly kind: "not"; readonly condition: RequestCondition }
  /** Of the path without query. */
  | { readonly kind: "path"; readonly regex: RegExp }
  | { readonly kind: "method"; readonly method: string };

/** Says whether responses are failures. The first whose condition holds counts. */
export interface ResponseRule {
  readonly condition: ResponseCondition;
  readonly isFailure: boolean;
}

export type ResponseCondition =
  | { readonly kind: "all"; readonly conditions: readonly ResponseCondition[] }
  | { readonly kind: "any"; readonly conditions: readonly ResponseCondition[] }
  | { readonly kind: "not"; readonly condition: ResponseCondition }
  /** Inclusive. */
  | { readonly kind: "status"; readonly min: number; readonly max: number };

/** @see reference: proxy-api section 6.3 */
export function selectProfileRoute({ routes, fallback }: ProfileRouting, request: RequestView): ProfileRoute {
  for (const route of routes) if (holdsForRequest(route.condition, request)) return route;
  return fallback;
}

export function holdsForRequest(condition: RequestCondition, request: RequestView): boolean {
  switch (condition.kind) {
    case "all":
      return condition.conditions.every((each) => holdsForRequest(each, request));
    case "any":
      return condition.conditions.some((each) => holdsForRequest(each, request));
    case "not":
      return !holdsForRequest(condition.condition, request);
    case "path":
      return condition.regex.test(pathOf(request.target));
    case "method":
      return condition.method === request.method;
  }
}

/**
 * Whether a response is a failure: by the first rule that is about it, else by its gRPC status, else by a status of 500 and above.
 *
 * @param grpcStatus -1: there is none
 */
export function isFailure(rules: readonly ResponseRule[], status: number, grpcStatus: number): boolean {
  for (const rule of rules) if (holdsForStatus(rule.condition, status)) return rule.isFailure;
  return grpcStatus >= 0 ? classifyGrpc(grpcStatus) === "failure" : status >= 500;
}

function holdsForStatus(condition: ResponseCondition, status: number): boolean {
  switch (condition.kind) {
    case "all":
      return condition.conditions.every((each) => holdsForStatus(each, status));
    case "any":
      return condition.conditions.some((each) => holdsForStatus(each, status));
    case "not":
      return !holdsForStatus(condition.condition, status);
    case "status":
      return status >= condition.min && status <= condition.max;
  }
}

function pathOf(target: string): string {
  const question = target.indexOf("?");
  return question < 0 ? target : target.slice(0, question);
}
