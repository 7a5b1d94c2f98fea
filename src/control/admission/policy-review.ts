import type { Logger } from "../../base/log.ts";
import type { AdmissionAnswer, AdmissionRequest } from "../injector/admission-review.ts";
import { formatProblems, validateObject } from "./validate-object.ts";

/** Where the API server finds the validating webhook. */
export const POLICY_REVIEW_PATH = "/policy";

/** Refuses policies and routes that discovery could not use, with the fields that are wrong and what would be right. */
export function reviewPolicy({ object, namespace }: AdmissionRequest, log: Logger): AdmissionAnswer {
  // What is on its way out only loses its finalizers.
  if (object.metadata.deletionTimestamp !== undefined) return {};
  // On creation an object need not name its namespace, although the request does.
  const named = { ...object, metadata: { namespace, ...object.metadata } };
  const problems = validateObject(named);
  const mistakes = problems.filter(({ isUnsupported }) => !isUnsupported);
  const warnings = problems
    .filter(({ isUnsupported }) => isUnsupported)
    .map((problem) => `meshctl leaves this route out: ${formatProblems([problem])}`);
  if (mistakes.length === 0) return { warnings };
  const denied = formatProblems(mistakes);
  log.info("object refused", {
    object: `${object.kind} ${namespace}/${object.metadata.name ?? object.metadata.generateName ?? ""}`,
    problems: denied,
  });
  return { denied, warnings };
}
