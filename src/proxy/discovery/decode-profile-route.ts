import type {
  RequestMatch,
  ResponseClass,
  ResponseMatch,
  Route,
} from "../../api/gen/io/linkerd/proxy/destination_pb.js";
import type { RequestCondition, ResponseCondition, ResponseRule } from "../../policy/profile.ts";
import { tryCompileRegex } from "../../policy/route-regex.ts";
import { decodeMethod } from "./decode-route.ts";
import { tryDurationMs } from "./decode-values.ts";

/** One route of a ServiceProfile, without where it leads. */
export interface DecodedProfileRoute {
  readonly condition: RequestCondition;
  readonly responses: readonly ResponseRule[];
  /** By which records and metrics name it. */
  readonly name: string;
  readonly isRetryable: boolean;
  readonly timeoutMs: number | undefined;
}

/**
 * A route out of the controller's message.
 *
 * @returns undefined when its condition is absent or cannot be decoded: such a route is left out. Of its response classes the same
 * @see reference: proxy-api section 6.3
 */
export function tryDecodeProfileRoute(message: Route): DecodedProfileRoute | undefined {
  const condition = message.condition && tryDecodeRequest(message.condition);
  if (!condition) return undefined;
  return {
    condition,
    responses: message.responseClasses.flatMap((each) => tryDecodeClass(each) ?? []),
    name: message.metricsLabels.route ?? "",
    isRetryable: message.isRetryable,
    timeoutMs: tryDurationMs(message.timeout),
  };
}

function tryDecodeRequest({ match }: RequestMatch): RequestCondition | undefined {
  switch (match.case) {
    case "all":
    case "any": {
      const conditions = decodeEach(match.value.matches, tryDecodeRequest);
      return conditions && { kind: match.case, conditions };
    }
    case "not": {
      const condition = tryDecodeRequest(match.value);
      return condition && { kind: "not", condition };
    }
    case "path": {
      const regex = tryCompileRegex(anchored(match.value.regex));
      return regex instanceof RegExp ? { kind: "path", regex } : undefined;
    }
    case "method":
      try {
        return { kind: "method", method: decodeMethod(match.value) };
      } catch {
        // A method that nobody can send.
        return undefined;
      }
    default:
      return undefined;
  }
}

function tryDecodeClass({ condition, isFailure }: ResponseClass): ResponseRule | undefined {
  const decoded = condition && tryDecodeResponse(condition);
  // Unlike those of requests, empty lists say nothing here.
  if (!decoded || ((decoded.kind === "all" || decoded.kind === "any") && decoded.conditions.length === 0)) {
    return undefined;
  }
  return { condition: decoded, isFailure };
}

function tryDecodeResponse({ match }: ResponseMatch): ResponseCondition | undefined {
  switch (match.case) {
    case "all":
    case "any": {
      const conditions = decodeEach(match.value.matches, tryDecodeResponse);
      return conditions && { kind: match.case, conditions };
    }
    case "not": {
      const condition = tryDecodeResponse(match.value);
      return condition && { kind: "not", condition };
    }
    case "status": {
      const { min, max } = match.value;
      return isStatus(min) && isStatus(max) && min <= max ? { kind: "status", min, max } : undefined;
    }
    default:
      return undefined;
  }
}

/** Undefined when one of them cannot be decoded: without it the others would mean something else. */
function decodeEach<M, C>(messages: readonly M[], decode: (message: M) => C | undefined): C[] | undefined {
  const decoded: C[] = [];
  for (const message of messages) {
    const each = decode(message);
    if (each === undefined) return undefined;
    decoded.push(each);
  }
  return decoded;
}

/** Anchors are put on as text: `a|b` becomes `^a|b$`, as everybody who reads profiles has it. */
function anchored(source: string): string {
  const text = source.trim();
  return `${text.startsWith("^") ? "" : "^"}${text}${text.endsWith("$") ? "" : "$"}`;
}

function isStatus(status: number): boolean {
  return status >= 100 && status <= 599;
}
