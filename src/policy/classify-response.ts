/**
 * What a response says about the endpoint that gave it. `limited`: it has refused for load, which is no fault.
 *
 * @see reference: proxy section 10 (Circuit breaking)
 */
export type ResponseClass = "success" | "failure" | "limited";

/** UNKNOWN, DEADLINE_EXCEEDED, PERMISSION_DENIED, INTERNAL, UNAVAILABLE, DATA_LOSS. */
const FAILING_CODES: ReadonlySet<number> = new Set([2, 4, 7, 13, 14, 15]);
const RESOURCE_EXHAUSTED = 8;

export function classifyStatus(status: number): ResponseClass {
  if (status >= 500) return "failure";
  return status === 429 ? "limited" : "success";
}

export function classifyGrpc(code: number): ResponseClass {
  if (FAILING_CODES.has(code)) return "failure";
  return code === RESOURCE_EXHAUSTED ? "limited" : "success";
}

/** The number in a `grpc-status` field. What is no number is UNKNOWN. */
export function parseGrpcStatus(text: string): number {
  return /^\d{1,3}$/.test(text) ? Number(text) : 2;
}
