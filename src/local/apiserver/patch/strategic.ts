import { deepEqual } from "../deep-equal.ts";
import { fieldsOf, isRecord } from "../schema/fields.ts";
import { setOwn } from "../set-own.ts";
import { badRequest } from "../status.ts";
import { MERGE_KEYS } from "./merge-keys.ts";

type Json = Record<string, unknown>;

const ORDER = "$setElementOrder/";
const DELETE_PRIMITIVES = "$deleteFromPrimitiveList/";
const RETAIN_KEYS = "$retainKeys";
const DIRECTIVE = "$patch";

/**
 * Kubernetes' strategic merge patch on a copy of a built-in object: as a merge patch, but lists with a merge key merge item by item.
 *
 *   $patch: replace | delete | merge      for an object, or for an item of a keyed list
 *   $setElementOrder/<list>: [...]        the order of the result; items that only the server has keep their place behind their predecessor
 *   $deleteFromPrimitiveList/<list>       values to take out of a list of plain values
 *   $retainKeys: [...]                    every other key of this object goes
 *
 * @param type row of the field table that describes the object
 * @throws MeshError 400 when an item lacks its merge key
 */
export function applyStrategicPatch(type: string, target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) throw badRequest("strategic merge patch: the patch is not an object");
  return mergeObject(type, isRecord(target) ? target : {}, patch);
}

function mergeObject(type: string, target: Json, patch: Json): Json {
  const directive = patch[DIRECTIVE];
  if (directive === "replace") return stripDirectives(patch) as Json;
  if (directive === "delete") return {};
  const result: Json = { ...target };
  const retain = patch[RETAIN_KEYS];
  if (Array.isArray(retain)) {
    for (const key of Object.keys(result)) if (!retain.includes(key)) delete result[key];
  }
  for (const [key, values] of Object.entries(patch)) {
    if (!key.startsWith(DELETE_PRIMITIVES)) continue;
    const name = key.slice(DELETE_PRIMITIVES.length);
    const list = result[name];
    if (Array.isArray(list) && Array.isArray(values)) {
      result[name] = list.filter((item) => !values.some((value) => deepEqual(item, value)));
    }
  }
  for (const [key, value] of Object.entries(patch)) {
    if (key.startsWith("$")) continue;
    if (value === null) delete result[key];
    else setOwn(result, key, mergeField(type, key, result[key], value, patch[ORDER + key]));
  }
  // An order without a change: only the arrangement differs.
  for (const [key, order] of Object.entries(patch)) {
    if (!key.startsWith(ORDER)) continue;
    const name = key.slice(ORDER.length);
    if (patch[name] !== undefined || !Array.isArray(result[name])) continue;
    result[name] = arrange(result[name], order, MERGE_KEYS[`${type}.${name}`]);
  }
  return result;
}

function mergeField(type: string, key: string, target: unknown, value: unknown, order: unknown): unknown {
  const fieldType = fieldsOf(type)?.get(key)?.type ?? "any";
  if (Array.isArray(value)) {
    const mergeKey = MERGE_KEYS[`${type}.${key}`];
    if (mergeKey === undefined) return stripDirectives(value);
    const list = Array.isArray(target) ? target : [];
    const merged =
      mergeKey === ""
        ? [...list, ...value.filter((item) => !list.some((each) => deepEqual(each, item)))]
        : mergeList(fieldType.slice(2), mergeKey, list, value);
    return arrange(merged, order, mergeKey);
  }
  if (!isRecord(value)) return value;
  const inner = fieldType.startsWith("{}") ? "" : fieldType;
  return mergeObject(inner, isRecord(target) ? target : {}, value);
}

function mergeList(
  itemType: string,
  key: string,
  list: readonly unknown[],
  patch: readonly unknown[],
): unknown[] {
  if (patch.some((item) => isRecord(item) && item[DIRECTIVE] === "replace")) {
    return patch.filter((item) => !(isRecord(item) && item[DIRECTIVE] === "replace")).map(stripDirectives);
  }
  let result = [...list];
  for (const item of patch) {
    if (!isRecord(item) || item[key] === undefined) {
      throw badRequest(
        `strategic merge patch: map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`,
      );
    }
    const same = (each: unknown) => isRecord(each) && deepEqual(each[key], item[key]);
    if (item[DIRECTIVE] === "delete") {
      result = result.filter((each) => !same(each));
      continue;
    }
    const index = result.findIndex(same);
    if (index < 0) result.push(mergeObject(itemType, {}, item));
    else result[index] = mergeObject(itemType, result[index] as Json, item);
  }
  return result;
}

/** Puts listed items into the order asked for. Others stay behind the item that they followed; those before any come first. */
function arrange(list: readonly unknown[], order: unknown, mergeKey: string | undefined): unknown[] {
  if (!Array.isArray(order)) return [...list];
  const keyOf = (item: unknown) => JSON.stringify(mergeKey && isRecord(item) ? item[mergeKey] : item);
  const rank = new Map(order.map((item, index) => [keyOf(item), index]));
  const listed = list.filter((item) => rank.has(keyOf(item)));
  listed.sort((a, b) => rank.get(keyOf(a))! - rank.get(keyOf(b))!);
  const result: unknown[] = [];
  const followers = new Map<string, unknown[]>();
  let predecessor = "";
  for (const item of list) {
    if (rank.has(keyOf(item))) predecessor = keyOf(item);
    else followers.set(predecessor, [...(followers.get(predecessor) ?? []), item]);
  }
  result.push(...(followers.get("") ?? []));
  for (const item of listed) result.push(item, ...(followers.get(keyOf(item)) ?? []));
  return result;
}

function stripDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(stripDirectives);
  if (!isRecord(value)) return value;
  const result: Json = {};
  for (const [key, item] of Object.entries(value)) {
    if (key.startsWith("$") && (key === DIRECTIVE || key === RETAIN_KEYS || key.includes("/"))) continue;
    if (item !== null) setOwn(result, key, stripDirectives(item));
  }
  return result;
}
