import { MeshError } from "../../base/error.ts";
import { applyRequestFilters, applyResponseFilters, type FilterAnswer } from "../../policy/apply-filters.ts";
import type { MatchRank } from "../../policy/match-request.ts";
import type { HttpFilter } from "../../policy/route.ts";
import type { ServerExchange } from "../http/server-exchange.ts";
import { answerGrpc, answerLocally, emptyResponse, headerText } from "./rescue.ts";

/**
 * Runs filters on an exchange: request side now, response side when the response comes.
 *
 * @param isInformational whether this client may see why a filter answered
 * @returns false when a filter has answered the request
 */
export function filterExchange(
  exchange: ServerExchange,
  filters: readonly HttpFilter[],
  rank: MatchRank,
  random: () => number,
  isInformational: boolean,
): boolean {
  if (filters.length === 0) return true;
  const answer = applyRequestFilters(filters, {
    request: exchange.view,
    headers: exchange.request.fields,
    retarget: (target) => {
      exchange.rewrittenTarget = target;
    },
    scheme: "http",
    rank,
    random,
  });
  if (!answer) {
    if (filters.some((filter) => filter.kind === "response-headers")) {
      exchange.responseEdits.push((head) => applyResponseFilters(filters, head.fields));
    }
    return true;
  }
  if (answer.kind === "invalid") {
    exchange.fail(new MeshError({ kind: "user", code: "FILTER_INVALID", message: answer.message }));
    return false;
  }
  // What filters before it did to responses is about a backend's.
  exchange.responseEdits.length = 0;
  const message = answer.kind === "failure" ? answer.message : "";
  if (message !== "") exchange.live.error = message;
  if (exchange.live.protocol === "grpc") {
    const shown = answer.kind === "redirect" ? "redirected" : message;
    answerGrpc(exchange, grpcCodeOf(answer), isInformational ? shown : "");
    return false;
  }
  const head = emptyResponse(answer.status);
  if (answer.kind === "redirect") head.fields.append("location", answer.location);
  else if (message !== "" && isInformational) head.fields.append("l5d-proxy-error", headerText(message));
  answerLocally(exchange, head);
  return false;
}

/** A redirect is no answer in gRPC: not found. A failure injected for HTTP is a failed precondition. Reference: proxy section 13. */
function grpcCodeOf(answer: Exclude<FilterAnswer, { kind: "invalid" }>): number {
  return answer.kind === "redirect" ? 5 : (answer.grpcCode ?? 9);
}
