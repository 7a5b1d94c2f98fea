import { MeshError } from "../../base/error.ts";
import { applyRequestFilters, applyResponseFilters, type FilterAnswer } from "../../policy/apply-filters.ts";
import type { MatchRank } from "../../policy/match-request.ts";
import type { HttpFilter } from "../../policy/route.ts";
import type { ServerExchange } from "../http/server-exchange.ts";
import { answerGrpc, answerLocally, emptyResponse } from "./rescue.ts";

/**
 * Runs filters on an exchange: request side now, response side when the response comes.
 *
 * @returns false when a filter has answered the request
 */
export function filterExchange(
  exchange: ServerExchange,
  filters: readonly HttpFilter[],
  rank: MatchRank,
  random: () => number,
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
  if (exchange.live.protocol === "grpc") {
    if (answer.kind === "failure" && answer.message !== "") exchange.live.error = answer.message;
    answerGrpc(exchange, grpcCodeOf(answer), answer.kind === "failure" ? answer.message : "redirected");
    return false;
  }
  const head = emptyResponse(answer.status);
  if (answer.kind === "redirect") head.fields.append("location", answer.location);
  else if (answer.message !== "") exchange.live.error = answer.message;
  answerLocally(exchange, head);
  return false;
}

/** A redirect is no answer in gRPC: not found. A failure injected for HTTP is a failed precondition. Reference: proxy section 13. */
function grpcCodeOf(answer: Exclude<FilterAnswer, { kind: "invalid" }>): number {
  return answer.kind === "redirect" ? 5 : (answer.grpcCode ?? 9);
}
