import type { Verdict } from "../policy/routes/accept-route.ts";

/** Who we are among those that write statuses of routes. */
export const STATUS_CONTROLLER = "meshctl.io/policy-controller";

/** `Condition` of meta/v1. */
export interface Condition {
  readonly type: string;
  readonly status: "True" | "False";
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number;
  readonly lastTransitionTime: string;
}

/** A condition as it shall be: everything but when it began. */
export type WantedCondition = Omit<Condition, "lastTransitionTime">;

export function wantedCondition(
  type: string,
  verdict: Verdict,
  generation: number | undefined,
): WantedCondition {
  return {
    type,
    status: verdict.isTrue ? "True" : "False",
    reason: verdict.reason,
    message: verdict.message,
    ...(generation !== undefined && { observedGeneration: generation }),
  };
}

/** Gives conditions their times: one that has the same status as before keeps its own. */
export function dateConditions(
  wanted: readonly WantedCondition[],
  previous: readonly Partial<Condition>[],
  now: string,
): Condition[] {
  return wanted.map((condition) => {
    const before = previous.find(({ type }) => type === condition.type);
    const isSame = before?.status === condition.status && before.lastTransitionTime !== undefined;
    return { ...condition, lastTransitionTime: isSame ? before.lastTransitionTime! : now };
  });
}

/** Whether conditions say what they shall, whenever they began. */
export function areCurrent(
  wanted: readonly WantedCondition[],
  actual: readonly Partial<Condition>[],
): boolean {
  if (wanted.length !== actual.length) return false;
  return wanted.every((condition, index) => {
    const other = actual[index]!;
    return (
      other.type === condition.type &&
      other.status === condition.status &&
      other.reason === condition.reason &&
      (other.message ?? "") === condition.message &&
      other.observedGeneration === condition.observedGeneration
    );
  });
}
