import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The types that the API server stores or answers with; the table holds what they reach. */
export const ROOT_TYPES = [
  "V1Namespace",
  "V1Pod",
  "V1Service",
  "V1Endpoints",
  "V1ConfigMap",
  "V1Secret",
  "V1ServiceAccount",
  "CoreV1Event",
  "V1Node",
  "V1PersistentVolumeClaim",
  "V1ReplicationController",
  "V1Deployment",
  "V1ReplicaSet",
  "V1StatefulSet",
  "V1DaemonSet",
  "V1ControllerRevision",
  "V1Job",
  "V1CronJob",
  "V1EndpointSlice",
  "V1Lease",
  "V1Role",
  "V1RoleBinding",
  "V1ClusterRole",
  "V1ClusterRoleBinding",
  "V1MutatingWebhookConfiguration",
  "V1ValidatingWebhookConfiguration",
  "V1CustomResourceDefinition",
  "V1PodDisruptionBudget",
  "V2HorizontalPodAutoscaler",
  "V1Scale",
  "V1TokenReview",
  "V1SubjectAccessReview",
  "V1SelfSubjectAccessReview",
  "V1SelfSubjectRulesReview",
  "AuthenticationV1TokenRequest",
  "EventsV1Event",
  "V1Eviction",
  "V1Binding",
]; // prettier-ignore

interface Attribute {
  readonly baseName: string;
  readonly type: string;
  readonly format: string;
}

/**
 * Reads the generated models of `@kubernetes/client-node` and writes them as one compact table:
 * type -> `field:type` words, `!` marking required ones. The table is what field validation, pruning and OpenAPI run on.
 */
export async function fieldTableFromModels(): Promise<Record<string, string>> {
  const base = import.meta.resolve("@kubernetes/client-node").replace(/index\.js$/, "gen/models/");
  const table: Record<string, string> = {};
  const queue = [...ROOT_TYPES];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (table[name] !== undefined) continue;
    const model = (await import(`${base}${name}.js`)) as Record<
      string,
      { attributeTypeMap: readonly Attribute[] }
    >;
    const declaration = readFileSync(fileURLToPath(`${base}${name}.d.ts`), "utf8");
    const words: string[] = [];
    for (const { baseName, type, format } of model[name]!.attributeTypeMap) {
      const required = declaration.includes(`'${baseName.replace(/^\$/, "$")}': `);
      const { code, refs } = typeCode(type, format);
      queue.push(...refs);
      words.push(`${baseName}${required ? "!" : ""}:${code}`);
    }
    table[name] = words.join(" ");
  }
  return Object.fromEntries(Object.entries(table).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function typeCode(type: string, format: string): { code: string; refs: string[] } {
  const array = /^Array<(.*)>$/.exec(type);
  if (array) {
    const inner = typeCode(array[1]!, format);
    return { code: `[]${inner.code}`, refs: inner.refs };
  }
  const map = /^\{ \[key: string\]: (.*); \}$/.exec(type);
  if (map) {
    const inner = typeCode(map[1]!, format);
    return { code: `{}${inner.code}`, refs: inner.refs };
  }
  if (type === "number") return { code: format.startsWith("int") ? format : "number", refs: [] };
  if (type === "Date" || type === "V1MicroTime") return { code: "time", refs: [] };
  if (type === "string" && format === "byte") return { code: "bytes", refs: [] };
  if (["string", "boolean", "any", "IntOrString"].includes(type)) return { code: type, refs: [] };
  return { code: type, refs: [type] };
}

/** The source text of `src/local/apiserver/schema/field-table.ts`. */
export function renderFieldTable(table: Record<string, string>): string {
  // As the formatter would: on one line when it fits in 110 columns.
  const lines = Object.entries(table).map(([name, words]) => {
    const line = `  ${name}: ${JSON.stringify(words)},`;
    return line.length <= 110 ? line : `  ${name}:\n    ${JSON.stringify(words)},`;
  });
  return [
    "/**",
    " * Fields of the built-in kinds: `name:type` words, `!` after a required name. Types: `string`, `bytes` (base64), `boolean`, `int32`,",
    " * `int64`, `number`, `time` (RFC 3339), `IntOrString`, `any`, `[]T`, `{}T`, or another row.",
    " *",
    " * Generated from the models of `@kubernetes/client-node`: `UPDATE_FIELD_TABLE=1 node --test test/unit/local/apiserver/field-table.test.ts`.",
    " */",
    "export const FIELD_TABLE: Readonly<Record<string, string>> = {",
    ...lines,
    "};",
    "",
  ].join("\n");
}
