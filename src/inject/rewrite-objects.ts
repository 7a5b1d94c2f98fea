import type { KubeObject } from "../base/kube-object.ts";
import { isTree } from "../values/merge.ts";
import { classify, type KindClass, valueAtPath, withValueAt } from "./kinds.ts";
import { type ResourceReport, skippedReport } from "./resource-report.ts";
import type { EditableDocument, RewriteDocument } from "./yaml/edit-stream.ts";

/** One object, a document of its own or an item of a List. */
export interface RewriteTarget {
  readonly object: KubeObject;
  readonly class: KindClass;
  /** Where it is in its document. */
  readonly path: readonly (string | number)[];
  readonly document: EditableDocument;
}

/** What becomes of one object; returning the object itself leaves it alone. */
export type RewriteObject = (target: RewriteTarget) => {
  readonly object: unknown;
  readonly report: ResourceReport;
};

/** Applies a rewriter to every object of a document, through Lists, and collects the reports in their order. */
export function rewriteObjects(rewrite: RewriteObject, reports: ResourceReport[]): RewriteDocument {
  return (document) => rewriteAt(document, [], rewrite, reports);
}

function rewriteAt(
  document: EditableDocument,
  path: readonly (string | number)[],
  rewrite: RewriteObject,
  reports: ResourceReport[],
): unknown {
  const object = valueAtPath(document.data, path);
  // Comments between two markers are no document.
  if (object === null || object === undefined) return document.data;
  const kind = isTree(object) ? object.kind : undefined;
  if (!isTree(object) || typeof kind !== "string" || kind === "") {
    reports.push(skippedReport("", ""));
    return object;
  }
  const kindClass = classify(kind, object.apiVersion);
  if (kindClass.class === "list") {
    const items = Array.isArray(object.items) ? object.items : [];
    const rewritten = items.map((_item, index) =>
      rewriteAt(document, [...path, "items", index], rewrite, reports),
    );
    const same = rewritten.every((item, index) => item === items[index]);
    return same ? object : withValueAt(object, ["items"], rewritten);
  }
  const result = rewrite({ object: object as KubeObject, class: kindClass, path, document });
  reports.push(result.report);
  return result.object;
}
