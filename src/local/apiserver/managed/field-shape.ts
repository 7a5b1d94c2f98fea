import type { Schema } from "../crd/compiled-crd.ts";
import { MERGE_KEYS } from "../patch/merge-keys.ts";
import type { ResourceInfo } from "../resource-info.ts";
import { fieldsOf } from "../schema/fields.ts";

/**
 * How a value merges under server-side apply, and how what lies in it does.
 *
 *   leaf   a scalar, or an object or list that has one owner as a whole
 *   map    each field has owners of its own
 *   keyed  a list whose items are told apart by some of their fields
 *   set    a list of plain values
 *
 * @see kubernetes "Server-Side Apply", Merge strategy
 */
export type FieldShape =
  | { readonly kind: "leaf" }
  | { readonly kind: "map"; readonly field: (name: string) => FieldShape }
  | { readonly kind: "keyed"; readonly keys: readonly string[]; readonly item: FieldShape }
  | { readonly kind: "set" };

const LEAF: FieldShape = { kind: "leaf" };
const SET: FieldShape = { kind: "set" };

/** Lists whose items need more than the one key of a strategic merge patch. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  "V1Container.ports": ["containerPort", "protocol"],
  "V1ServiceSpec.ports": ["port", "protocol"],
  "V1PodSpec.topologySpreadConstraints": ["topologyKey", "whenUnsatisfiable"],
};

/** Types and fields that have one owner as a whole: what they say makes sense only together. */
const ATOMIC = new Set([
  "V1LabelSelector",
  "V1LocalObjectReference",
  "V1ObjectReference",
  "V1TypedLocalObjectReference",
  "V1ConfigMapKeySelector",
  "V1SecretKeySelector",
  "V1ObjectFieldSelector",
  "V1ResourceFieldSelector",
  "V1NodeSelector",
  "V1NodeSelectorTerm",
  "V1RoleRef",
  "V1PodSpec.nodeSelector",
  "V1ServiceSpec.selector",
]);

/** A key field that is not given has this value. */
export const KEY_DEFAULTS: Readonly<Record<string, unknown>> = { protocol: "TCP" };

/** The shape of a resource's objects. What has no schema is merged field by field, its lists as a whole. */
export function shapeOf(resource: ResourceInfo): FieldShape {
  if (resource.fields) return builtIn(resource.fields, "");
  const body = resource.crd?.schema ? custom(resource.crd.schema) : untyped();
  const metadata = builtIn("V1ObjectMeta", "");
  return {
    kind: "map",
    field: (name) => (name === "metadata" ? metadata : body.kind === "map" ? body.field(name) : LEAF),
  };
}

/** @param place `Type.field` that holds the value */
function builtIn(type: string, place: string): FieldShape {
  if (ATOMIC.has(type) || ATOMIC.has(place)) return LEAF;
  if (type.startsWith("[]")) {
    const key = MERGE_KEYS[place];
    if (key === "") return SET;
    const keys = KEYS[place] ?? (key === undefined ? undefined : [key]);
    return keys ? { kind: "keyed", keys, item: builtIn(type.slice(2), "") } : LEAF;
  }
  if (type.startsWith("{}")) {
    const inner = builtIn(type.slice(2), "");
    return { kind: "map", field: () => inner };
  }
  if (type === "any") return untyped();
  const fields = fieldsOf(type);
  if (!fields) return LEAF;
  return {
    kind: "map",
    field: (name) => {
      const field = fields.get(name);
      return field ? builtIn(field.type, `${type}.${name}`) : LEAF;
    },
  };
}

function custom(schema: Schema): FieldShape {
  if (schema.type === "array") {
    const keys = schema["x-kubernetes-list-map-keys"];
    if (schema["x-kubernetes-list-type"] === "map" && keys && schema.items) {
      return { kind: "keyed", keys, item: custom(schema.items) };
    }
    return schema["x-kubernetes-list-type"] === "set" ? SET : LEAF;
  }
  if (schema["x-kubernetes-map-type"] === "atomic") return LEAF;
  const { properties, additionalProperties } = schema;
  if (schema.type !== "object" && !properties) {
    return schema["x-kubernetes-preserve-unknown-fields"] ? untyped() : LEAF;
  }
  return {
    kind: "map",
    field: (name) => {
      const property = properties?.[name];
      if (property) return custom(property);
      return typeof additionalProperties === "object" ? custom(additionalProperties) : untyped();
    },
  };
}

/** Without a schema a value merges by what it is: objects field by field, lists as a whole. */
function untyped(): FieldShape {
  return { kind: "map", field: untyped };
}
