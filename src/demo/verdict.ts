import type { EdgesResult } from "../collect/edges.ts";
import type { StatResult } from "../collect/stat.ts";

/** Who has to talk to whom in the sample application, by Deployment. */
export const EXPECTED_EDGES: readonly (readonly [src: string, dst: string])[] = [
  ["traffic", "web"],
  ["web", "catalog"],
  ["web", "orders"],
  ["web", "kv"],
];

/** Deployments that serve HTTP; each has to have answered. */
export const EXPECTED_HTTP: readonly string[] = ["catalog", "orders", "web"];

/** Every Deployment of the sample application. */
export const EXPECTED_DEPLOYMENTS: readonly string[] = [
  "catalog",
  "catalog-slow",
  "kv",
  "orders",
  "traffic",
  "web",
];

/**
 * What keeps the demo from being a mesh at work, in words for people; empty when every pod is meshed, every edge is secured
 * and traffic flowed. Silence of a proxy counts against it: what was not seen is not proven.
 */
export function judgeDemo(
  stat: Pick<StatResult, "tables" | "coverage">,
  edges: Pick<EdgesResult, "edges">,
): string[] {
  const problems: string[] = [];
  const rows = stat.tables.flatMap((table) => table.rows);
  for (const name of EXPECTED_DEPLOYMENTS) {
    const row = rows.find((candidate) => candidate.name === name);
    if (!row?.meshed || row.meshed.total === 0) problems.push(`deployment ${name} has no pods`);
    else if (row.meshed.count < row.meshed.total) {
      problems.push(
        `${row.meshed.total - row.meshed.count} of ${row.meshed.total} pods of ${name} have no proxy`,
      );
    }
  }
  for (const name of EXPECTED_HTTP) {
    const http = rows.find((candidate) => candidate.name === name)?.http;
    if (!http || http.rps === 0) problems.push(`no request to ${name} was answered`);
    else if (http.successRate === 0) problems.push(`every request to ${name} failed`);
  }
  for (const { pod, reason } of stat.coverage.silent) {
    problems.push(`the proxy of ${pod} did not answer: ${reason}`);
  }
  for (const { src, dst, noTlsReason } of edges.edges) {
    if (noTlsReason !== "") problems.push(`${src} -> ${dst} is not secured: ${noTlsReason}`);
  }
  for (const [src, dst] of EXPECTED_EDGES) {
    if (!edges.edges.some((edge) => edge.src === src && edge.dst === dst)) {
      problems.push(`no connection of ${src} to ${dst} was seen`);
    }
  }
  return problems;
}
