import type { KubeObject } from "../../base/kube-object.ts";
import type { ResourceInfo } from "./resource-info.ts";
import { badRequest } from "./status.ts";

export type Predicate = (object: KubeObject) => boolean;

const LABEL_KEY =
  /^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

/**
 * Reads `labelSelector`: `a=b,c!=d,e in (f,g),h notin (i),j,!k`.
 *
 * @throws MeshError 400 naming what could not be read
 */
export function parseLabelSelector(text: string): Predicate {
  const tests: ((labels: Readonly<Record<string, string>>) => boolean)[] = [];
  const parts = splitOutsideParentheses(text);
  for (const [index, part] of parts.entries()) {
    const term = part.trim();
    if (term === "") {
      if (parts.length === 1) continue;
      const next = index === parts.length - 1 ? "" : ",";
      throw badRequest(`found '${next}', expected: identifier after ','`);
    }
    const set = /^([^\s!=,()]+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(term);
    if (set) {
      const [, key, operator, list] = set as unknown as [string, string, string, string];
      requireKey(key);
      const values = new Set(list.split(",").map((value) => value.trim()));
      tests.push((labels) => {
        const has = labels[key] !== undefined && values.has(labels[key]);
        return operator === "in" ? has : !has;
      });
      continue;
    }
    const equality = /^([^\s!=,()]+)\s*(==|=|!=)\s*([^\s!=,()]*)$/.exec(term);
    if (equality) {
      const [, key, operator, value] = equality as unknown as [string, string, string, string];
      requireKey(key);
      tests.push((labels) => (labels[key] === value) === (operator !== "!="));
      continue;
    }
    const existence = /^(!?)\s*([^\s!=,()]+)$/.exec(term);
    if (!existence)
      throw badRequest(`unable to parse requirement: found '${term}' in label selector "${text}"`);
    requireKey(existence[2]!);
    const wanted = existence[1] === "";
    tests.push((labels) => (labels[existence[2]!] !== undefined) === wanted);
  }
  return (object) => {
    const labels = object.metadata.labels ?? {};
    return tests.every((test) => test(labels));
  };
}

/** A key that no object can have is a mistake, not a question with an empty answer. */
function requireKey(key: string): void {
  if (LABEL_KEY.test(key)) return;
  throw badRequest(
    `unable to parse requirement: <nil>: Invalid value: "${key}": a label key is an optional DNS prefix with a slash, and a name of alphanumeric characters, '-', '_' or '.'`,
  );
}

function splitOutsideParentheses(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "(") depth++;
    else if (text[at] === ")") depth--;
    else if (text[at] === "," && depth === 0) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

/** Fields that each resource can be selected by, beside `metadata.name` and `metadata.namespace`. */
const SELECTABLE: Readonly<Record<string, readonly string[]>> = {
  "/pods": [
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.nominatedNodeName",
  ],
  "/events": [
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "regarding.kind",
    "regarding.namespace",
    "regarding.name",
    "regarding.uid",
    "regarding.apiVersion",
    "reason",
    "reportingComponent",
    "source",
    "type",
  ],
  "/secrets": ["type"],
  "/namespaces": ["status.phase"],
  "/nodes": ["spec.unschedulable"],
  "/services": ["spec.clusterIP", "spec.type"],
  "apps/replicasets": ["status.replicas"],
  "batch/jobs": ["status.successful"],
};

/**
 * Reads `fieldSelector`: `metadata.name=a,status.phase!=Running`.
 *
 * @throws MeshError 400 when the resource cannot be selected by such a field
 */
export function parseFieldSelector(resource: ResourceInfo, text: string): Predicate {
  const tests: Predicate[] = [];
  for (const part of text.split(",")) {
    const term = part.trim();
    if (term === "") continue;
    const match = /^([^=!]+)(==|=|!=)(.*)$/.exec(term);
    if (!match) throw badRequest(`invalid field selector: "${term}"; can't understand it`);
    const [, field, operator, value] = match as unknown as [string, string, string, string];
    const known =
      field === "metadata.name" ||
      field === "metadata.namespace" ||
      SELECTABLE[resource.bucket]?.includes(field) ||
      resource.crd?.selectableFields.includes(field);
    if (!known) throw badRequest(`field label not supported: ${field}`);
    const path = field.replace(/^regarding\./, "involvedObject.").split(".");
    tests.push((object) => (fieldText(object, path) === value) === (operator !== "!="));
  }
  return (object) => tests.every((test) => test(object));
}

function fieldText(object: KubeObject, path: readonly string[]): string {
  let value: unknown = object;
  for (const key of path) value = (value as Record<string, unknown> | undefined)?.[key];
  if (path[0] === "source") value = (value as { component?: string } | undefined)?.component;
  return value === undefined || value === null ? "" : String(value);
}
