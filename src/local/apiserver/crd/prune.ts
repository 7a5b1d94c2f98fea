import type { KubeObject } from "../../../base/kube-object.ts";
import { isRecord } from "../schema/fields.ts";
import { setOwn } from "../set-own.ts";
import type { CompiledCrd, Schema } from "./compiled-crd.ts";

/** A copy of a custom resource without the fields that its structural schema does not have. `unknown` gets their paths. */
export function pruneCustom(crd: CompiledCrd, object: KubeObject, unknown: string[]): KubeObject {
  if (!crd.schema) return object;
  const { apiVersion, kind, metadata, ...body } = object;
  const pruned = prune(crd.schema, body, "", unknown) as Record<string, unknown>;
  return { apiVersion, kind, metadata, ...pruned };
}

function prune(schema: Schema, value: unknown, path: string, unknown: string[]): unknown {
  if (Array.isArray(value)) {
    const items = schema.items;
    if (!items) return value;
    return value.map((item, index) => prune(items, item, `${path}[${index}]`, unknown));
  }
  if (!isRecord(value)) return value;
  const preserve = schema["x-kubernetes-preserve-unknown-fields"] === true;
  const { properties, additionalProperties } = schema;
  const result: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    const inner = path ? `${path}.${key}` : key;
    const property = properties && Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (property) result[key] = prune(property, item, inner, unknown);
    else if (isRecord(additionalProperties)) {
      setOwn(result, key, prune(additionalProperties, item, inner, unknown));
    } else if (additionalProperties === true || preserve) setOwn(result, key, item);
    else if (schema["x-kubernetes-embedded-resource"] && ["apiVersion", "kind", "metadata"].includes(key)) {
      result[key] = item;
    } else unknown.push(inner);
  }
  return result;
}

/** A copy with the schema's `default`s where nothing is set; nulls that the schema forbids count as not set. */
export function applyCustomDefaults(crd: CompiledCrd, object: KubeObject): KubeObject {
  if (!crd.schema) return object;
  const { metadata, ...body } = object;
  return { ...(fill(crd.schema, structuredClone(body)) as KubeObject), metadata };
}

function fill(schema: Schema, value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = schema.items;
    return items ? value.map((item) => fill(items, item)) : value;
  }
  if (!isRecord(value)) return value;
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    if (value[key] === null && !property.nullable && property.default !== undefined) delete value[key];
    if (value[key] === undefined && property.default !== undefined)
      value[key] = structuredClone(property.default);
    if (value[key] !== undefined) value[key] = fill(property, value[key]);
  }
  if (isRecord(schema.additionalProperties)) {
    for (const key of Object.keys(value)) {
      if (!schema.properties?.[key]) value[key] = fill(schema.additionalProperties, value[key]);
    }
  }
  return value;
}
