import { createHash } from "node:crypto";
import type { Registry } from "./registry.ts";
import { apiVersionOf, type ResourceInfo } from "./resource-info.ts";
import { fieldsOf } from "./schema/fields.ts";

/**
 * OpenAPI for clients. `kubectl apply` asks the v3 documents whether the server checks fields itself (`fieldValidation` on PATCH), and
 * `kubectl explain` reads the schemas; they come from the field table, and from the CRDs. Strategic merge is not announced there, so that kubectl
 * computes it from its compiled-in types.
 */
export interface OpenApi {
  /** `/openapi/v3`: where each group and version is described. */
  index(): unknown;
  /** `/openapi/v3/api/v1`, `/openapi/v3/apis/<group>/<version>`; undefined when nobody serves it. */
  document(group: string, version: string): unknown;
}

/**
 * `/openapi/v2`, for clients that know no v3: a document without definitions, as protobuf (field 1, `swagger`) or JSON. An empty one makes
 * kubectl use its compiled-in schemas.
 */
export const OPENAPI_V2_PROTOBUF = Buffer.concat([Buffer.from([0x0a, 3]), Buffer.from("2.0")]);
export const OPENAPI_V2_JSON = JSON.stringify({
  swagger: "2.0",
  info: { title: "meshctl local cluster", version: "v1" },
  paths: {},
});

export function createOpenApi(registry: Registry): OpenApi {
  const cache = new Map<string, { generation: number; document: unknown }>();
  const document = (group: string, version: string): unknown => {
    const key = apiVersionOf({ group, version });
    const known = cache.get(key);
    if (known?.generation === registry.generation) return known.document;
    const resources = registry.all().filter((each) => each.group === group && each.version === version);
    const made = resources.length > 0 ? describe(resources) : undefined;
    cache.set(key, { generation: registry.generation, document: made });
    return made;
  };
  return {
    document,
    index() {
      const paths: Record<string, unknown> = {};
      for (const { group, version } of registry.all()) {
        const path = group === "" ? `api/${version}` : `apis/${group}/${version}`;
        if (paths[path]) continue;
        const hash = createHash("sha256")
          .update(JSON.stringify(document(group, version)))
          .digest("hex")
          .toUpperCase();
        paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` };
      }
      return { paths };
    },
  };
}

type Json = Record<string, unknown>;

function describe(resources: readonly ResourceInfo[]): unknown {
  const schemas: Record<string, Json> = {};
  const paths: Record<string, unknown> = {};
  for (const resource of resources) {
    const name = rootSchema(resource, schemas);
    const { group, version, kind } = resource;
    const gvk = { group, version, kind };
    const existing = (schemas[name]!["x-kubernetes-group-version-kind"] as unknown[] | undefined) ?? [];
    schemas[name]!["x-kubernetes-group-version-kind"] = [...existing, gvk];
    const prefix = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
    const scope = resource.namespaced ? "/namespaces/{namespace}" : "";
    const body = { content: { "application/json": { schema: { $ref: `#/components/schemas/${name}` } } } };
    const responses = { "200": { description: "OK", ...body } };
    const operation = { "x-kubernetes-group-version-kind": gvk, responses };
    const parameters = ["dryRun", "fieldManager", "fieldValidation"].map((each) => ({
      name: each,
      in: "query",
      schema: { type: "string", uniqueItems: true },
    }));
    if (resource.verbs.includes("patch")) {
      paths[`${prefix}${scope}/${resource.plural}/{name}`] = {
        get: { ...operation, "x-kubernetes-action": "get" },
        put: { ...operation, "x-kubernetes-action": "put", parameters, requestBody: body },
        patch: {
          ...operation,
          "x-kubernetes-action": "patch",
          parameters,
          requestBody: { content: { "application/merge-patch+json": { schema: { type: "object" } } } },
        },
      };
    }
    paths[`${prefix}${scope}/${resource.plural}`] = {
      ...(resource.verbs.includes("list") ? { get: { ...operation, "x-kubernetes-action": "list" } } : {}),
      post: { ...operation, "x-kubernetes-action": "post", parameters, requestBody: body },
    };
  }
  return { openapi: "3.0.0", info: { title: "Kubernetes", version: "v1" }, paths, components: { schemas } };
}

/** Adds the schema of a resource and what it refers to. Returns its name. */
function rootSchema(resource: ResourceInfo, schemas: Record<string, Json>): string {
  if (resource.fields) {
    builtIn(resource.fields, schemas);
    return schemaName(resource.fields);
  }
  const name = `${resource.group.split(".").reverse().join(".")}.${resource.version}.${resource.kind}`;
  builtIn("V1ObjectMeta", schemas);
  schemas[name] = {
    type: "object",
    ...(resource.crd?.schema as Json | undefined),
    properties: {
      ...(resource.crd?.schema?.properties as Json | undefined),
      apiVersion: { type: "string" },
      kind: { type: "string" },
      metadata: { allOf: [{ $ref: `#/components/schemas/${schemaName("V1ObjectMeta")}` }] },
    },
  };
  return name;
}

function schemaName(type: string): string {
  return `io.k8s.api.${type}`;
}

function builtIn(type: string, schemas: Record<string, Json>): void {
  const name = schemaName(type);
  const fields = fieldsOf(type);
  if (schemas[name] || !fields) return;
  const properties: Json = {};
  const required: string[] = [];
  schemas[name] = { type: "object", properties };
  for (const [key, field] of fields) {
    properties[key] = schemaOf(field.type, schemas);
    if (field.required) required.push(key);
  }
  if (required.length > 0) schemas[name].required = required;
}

function schemaOf(type: string, schemas: Record<string, Json>): Json {
  if (type.startsWith("[]")) return { type: "array", items: schemaOf(type.slice(2), schemas) };
  if (type.startsWith("{}"))
    return { type: "object", additionalProperties: schemaOf(type.slice(2), schemas) };
  switch (type) {
    case "string":
    case "boolean":
    case "number":
      return { type };
    case "int32":
    case "int64":
      return { type: "integer", format: type };
    case "time":
      return { type: "string", format: "date-time" };
    case "bytes":
      return { type: "string", format: "byte" };
    case "IntOrString":
      return { oneOf: [{ type: "integer" }, { type: "string" }], format: "int-or-string" };
    case "any":
      return { "x-kubernetes-preserve-unknown-fields": true };
  }
  builtIn(type, schemas);
  return { allOf: [{ $ref: `#/components/schemas/${schemaName(type)}` }] };
}
