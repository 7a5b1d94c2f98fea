import { MeshError } from "../base/error.ts";
import type { InputText } from "./read-inputs.ts";
import { fullName, type ResourceReport } from "./resource-report.ts";
import { type RewriteObject, rewriteObjects } from "./rewrite-objects.ts";
import { editStream } from "./yaml/edit-stream.ts";

export interface RewriteRequest {
  readonly inputs: readonly InputText[];
  readonly rewrite: RewriteObject;
  /** Values beyond those that decide about injection are needed (manual mode). */
  readonly fullData: boolean;
  /** What cannot be rewritten stands unchanged in the output, and is in `failures`, instead of ending everything. */
  readonly keepGoing: boolean;
}

export interface RewriteOutcome {
  /** All inputs as one stream. */
  readonly text: string;
  /** Each input, before and after. */
  readonly inputs: readonly { readonly name: string; readonly before: string; readonly after: string }[];
  readonly reports: readonly ResourceReport[];
  /** One line for each object or document that stands unchanged though it should not. */
  readonly failures: readonly string[];
}

/**
 * Rewrites every object of the inputs in their text.
 *
 * @throws MeshError `INJECT_FAILED` unless `keepGoing`; every failure is in the message
 */
export function rewriteInputs(request: RewriteRequest): RewriteOutcome {
  const reports: ResourceReport[] = [];
  const failures: string[] = [];
  const rewritten: { name: string; before: string; after: string }[] = [];
  for (const { name, text } of request.inputs) {
    const own: ResourceReport[] = [];
    const result = editStream(text, rewriteObjects(request.rewrite, own), { fullData: request.fullData });
    for (const problem of result.problems) {
      failures.push(
        `${name}: document ${problem.documentNumber}, line ${problem.line}, column ${problem.column}: ${problem.message}`,
      );
    }
    for (const report of own) {
      if (report.outcome === "failed")
        failures.push(`failed to inject ${fullName(report)}: ${report.failure}`);
    }
    reports.push(...own);
    rewritten.push({ name, before: text, after: result.text });
  }
  if (failures.length > 0 && !request.keepGoing) {
    throw new MeshError({
      kind: "user",
      code: "INJECT_FAILED",
      message: `Error transforming resources:\n${failures.join("\n")}`,
      hint: "nothing was printed; correct the input, or rewrite the rest of it with --keep-going",
    });
  }
  return { text: joinStreams(rewritten.map(({ after }) => after)), inputs: rewritten, reports, failures };
}

/** Streams one after another, as documents. A single one keeps every byte. */
export function joinStreams(texts: readonly string[]): string {
  let joined = "";
  for (const text of texts) {
    if (joined !== "") {
      if (!joined.endsWith("\n")) joined += "\n";
      if (!/^\ufeff?---(?:[ \t\r\n]|$)/.test(text) && !/(?:^|\n)---[ \t]*\r?\n$/.test(joined))
        joined += "---\n";
    }
    joined += joined === "" ? text : text.replace(/^\ufeff/, "");
  }
  return joined;
}
