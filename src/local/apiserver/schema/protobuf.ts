import { setOwn } from "../set-own.ts";
import { badRequest } from "../status.ts";
import { fieldsOf } from "./fields.ts";
import { PROTO_TABLE } from "./proto-table.ts";

/**
 * Reads objects that clients send as protobuf, which kubectl does for what it builds from its own types (`create`, `auth can-i`,
 * `create token`). Answers are always JSON, which such clients take.
 *
 *   "k8s\0" | Unknown { 1: TypeMeta { 1: apiVersion, 2: kind }, 2: raw, 3: contentEncoding, 4: contentType }
 */
const MAGIC = Buffer.from("k8s\0", "latin1");
const DEPTH_MAX = 32;

export function isProtobuf(contentType: string): boolean {
  return contentType.split(";")[0]!.trim() === "application/vnd.kubernetes.protobuf";
}

/** @throws MeshError 400 for bytes that are no such object, or a kind that is not in the table */
export function decodeProtobuf(bytes: Buffer): Record<string, unknown> {
  if (!bytes.subarray(0, 4).equals(MAGIC)) throw malformed("the prefix k8s is missing");
  let apiVersion = "";
  let kind = "";
  let raw: Buffer = Buffer.alloc(0);
  for (const { number, bytes: inner } of fieldsIn(bytes.subarray(4))) {
    if (number === 1) {
      for (const field of fieldsIn(inner)) {
        if (field.number === 1) apiVersion = field.bytes.toString("utf8");
        if (field.number === 2) kind = field.bytes.toString("utf8");
      }
    } else if (number === 2) raw = inner;
  }
  const type = typeOfKind(apiVersion, kind);
  if (!type) throw malformed(`${kind} of ${apiVersion} is read as JSON only`);
  return { apiVersion, kind, ...decodeMessage(type, raw, 0) };
}

function typeOfKind(apiVersion: string, kind: string): string | undefined {
  const group = apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "core";
  const word = group.split(".")[0]!;
  const prefix = word[0]!.toUpperCase() + word.slice(1);
  const version = apiVersion.endsWith("v2") ? "V2" : "V1";
  const names = [`${prefix}${version}${kind}`, `${version}${kind}`, kind];
  return names.find((name) => Object.hasOwn(PROTO_TABLE, name));
}

/** Numbers that are no pointers in Go, and for which 0 is no value. */
const ZERO_IS_NOTHING = new Set([
  "generation",
  "hostPort",
  "nodePort",
  "expirationSeconds",
  "minReadySeconds",
  "healthCheckNodePort",
]);
/** Booleans that are no pointers in Go: false is the same as nothing. */
const FALSE_IS_NOTHING = new Set([
  "stdin",
  "stdinOnce",
  "tty",
  "hostNetwork",
  "hostPID",
  "hostIPC",
  "paused",
  "publishNotReadyAddresses",
]);

interface ProtoField {
  readonly name: string;
  readonly quantity: boolean;
}

type Node = Map<number, ProtoField | Node>;

const trees = new Map<string, Node>();

/** A row as a tree: inner nodes are messages that JSON has inline. */
function treeOf(type: string): Node | undefined {
  const known = trees.get(type);
  if (known) return known;
  const words = PROTO_TABLE[type];
  if (words === undefined) return undefined;
  const root: Node = new Map();
  for (const word of words.split(" ")) {
    const colon = word.indexOf(":");
    const numbers = word.slice(0, colon).split("/");
    const quantity = numbers.at(-1)!.endsWith("q");
    let node = root;
    for (const number of numbers.slice(0, -1)) {
      const inner = node.get(Number(number));
      if (inner instanceof Map) node = inner;
      else {
        const made: Node = new Map();
        node.set(Number(number), made);
        node = made;
      }
    }
    node.set(Number.parseInt(numbers.at(-1)!, 10), { name: word.slice(colon + 1), quantity });
  }
  trees.set(type, root);
  return root;
}

/** `DeleteOptions` is in no model of the field table. */
const EXTRA_TYPES: Readonly<Record<string, string>> = {
  "DeleteOptions.gracePeriodSeconds": "int64",
  "DeleteOptions.preconditions": "Preconditions",
  "DeleteOptions.propagationPolicy": "string",
  "DeleteOptions.dryRun": "[]string",
  "Preconditions.uid": "string",
  "Preconditions.resourceVersion": "string",
};

function decodeMessage(type: string, bytes: Buffer, depth: number): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  const tree = treeOf(type);
  if (tree) decodeInto(result, type, tree, bytes, depth);
  return result;
}

function decodeInto(
  result: Record<string, unknown>,
  type: string,
  node: Node,
  bytes: Buffer,
  depth: number,
): void {
  if (depth > DEPTH_MAX) throw malformed("it is nested too deeply");
  for (const field of fieldsIn(bytes)) {
    const target = node.get(field.number);
    if (!target) continue;
    if (target instanceof Map) {
      decodeInto(result, type, target, field.bytes, depth + 1);
      continue;
    }
    const { name, quantity } = target;
    const fieldType = fieldsOf(type)?.get(name)?.type ?? EXTRA_TYPES[`${type}.${name}`];
    if (!fieldType) continue;
    if (fieldType.startsWith("[]")) {
      const list = (result[name] ??= []) as unknown[];
      list.push(decodeValue(fieldType.slice(2), quantity, field, depth + 1));
    } else if (fieldType.startsWith("{}")) {
      const map = (result[name] ??= {}) as Record<string, unknown>;
      const entry = decodeEntry(fieldType.slice(2), quantity, field.bytes, depth + 1);
      setOwn(map, entry.key, entry.value);
    } else {
      const value = decodeValue(fieldType, quantity, field, depth + 1);
      // Go writes empty texts, zero times and some zeros where JSON leaves them out.
      const nothing =
        value === "" ||
        value === undefined ||
        (value === 0 && ZERO_IS_NOTHING.has(name)) ||
        (value === false && FALSE_IS_NOTHING.has(name));
      if (!nothing) result[name] = value;
    }
  }
}

function decodeEntry(
  type: string,
  quantity: boolean,
  bytes: Buffer,
  depth: number,
): { key: string; value: unknown } {
  let key = "";
  let value: unknown = type === "string" ? "" : undefined;
  for (const field of fieldsIn(bytes)) {
    if (field.number === 1) key = field.bytes.toString("utf8");
    else if (field.number !== 2) continue;
    // A list as a map's value is a message with its items in field 1.
    else if (type.startsWith("[]"))
      value = [...fieldsIn(field.bytes)].map((item) => item.bytes.toString("utf8"));
    else value = decodeValue(type, quantity, field, depth);
  }
  return { key, value };
}

function decodeValue(type: string, quantity: boolean, field: WireField, depth: number): unknown {
  switch (type) {
    case "string":
      if (!quantity) return field.bytes.toString("utf8");
      return [...fieldsIn(field.bytes)].find(({ number }) => number === 1)?.bytes.toString("utf8") ?? "0";
    case "bytes":
      return field.bytes.toString("base64");
    case "boolean":
      return field.varint !== 0n;
    case "int32":
    case "int64":
      return Number(BigInt.asIntN(64, field.varint));
    case "number":
      return field.bytes.length === 8 ? field.bytes.readDoubleLE() : undefined;
    case "time":
      return decodeTime(field.bytes);
    case "IntOrString":
      return decodeIntOrString(field.bytes);
    case "any":
      return undefined;
  }
  const tree = treeOf(type);
  if (tree) return decodeMessage(type, field.bytes, depth);
  return type === "Preconditions" ? decodePreconditions(field.bytes) : undefined;
}

function decodePreconditions(bytes: Buffer): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const { number, bytes: text } of fieldsIn(bytes)) {
    if (number === 1) result.uid = text.toString("utf8");
    if (number === 2) result.resourceVersion = text.toString("utf8");
  }
  return result;
}

/** `Time { 1: seconds, 2: nanoseconds }`; undefined for Go's zero time, which is before year 1 of the common era ends. */
function decodeTime(bytes: Buffer): string | undefined {
  let seconds = 0n;
  let nanos = 0n;
  for (const { number, varint } of fieldsIn(bytes)) {
    if (number === 1) seconds = BigInt.asIntN(64, varint);
    if (number === 2) nanos = BigInt.asIntN(32, varint);
  }
  if (bytes.length === 0 || seconds < -62_000_000_000n || seconds > 8_640_000_000_000n) return undefined;
  const text = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return nanos === 0n ? `${text}Z` : `${text}.${String(nanos / 1000n).padStart(6, "0")}Z`;
}

/** `IntOrString { 1: type (0 int, 1 string), 2: intVal, 3: strVal }` */
function decodeIntOrString(bytes: Buffer): number | string {
  let isString = false;
  let value = 0;
  let text = "";
  for (const { number, varint, bytes: inner } of fieldsIn(bytes)) {
    if (number === 1) isString = varint === 1n;
    else if (number === 2) value = Number(BigInt.asIntN(32, varint));
    else if (number === 3) text = inner.toString("utf8");
  }
  return isString ? text : value;
}

interface WireField {
  readonly number: number;
  /** Of wire type 0; else 0. */
  readonly varint: bigint;
  /** Of wire types 1, 2 and 5, a view; else empty. */
  readonly bytes: Buffer;
}

const EMPTY = Buffer.alloc(0);

function* fieldsIn(bytes: Buffer): Generator<WireField> {
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) throw malformed("it ends in the middle of a number");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw malformed("a number is longer than ten bytes");
  };
  const take = (length: number): Buffer => {
    if (length > bytes.length - at) throw malformed("a field is longer than the message");
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = Number(varint());
    const number = Math.floor(tag / 8);
    switch (tag % 8) {
      case 0:
        yield { number, varint: varint(), bytes: EMPTY };
        break;
      case 1:
        yield { number, varint: 0n, bytes: take(8) };
        break;
      case 2:
        yield { number, varint: 0n, bytes: take(Number(varint())) };
        break;
      case 5:
        yield { number, varint: 0n, bytes: take(4) };
        break;
      default:
        throw malformed(`wire type ${tag % 8} is not used`);
    }
  }
}

function malformed(why: string): Error {
  return badRequest(`the protobuf body of the request could not be read: ${why}`);
}
