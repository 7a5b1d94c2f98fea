import type { MessageInitShape } from "@bufbuild/protobuf";
import type {
  HeadersSchema,
  HttpMethod,
  HttpMethodSchema,
  Scheme,
} from "../../api/gen/io/linkerd/proxy/http_types_pb.js";
import { maskHeaders } from "../../observe/mask-headers.ts";

/** By their numbers in messages. */
const METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "HEAD", "TRACE"] as const;
const SCHEMES = ["http", "https"] as const;

/** The name of a method out of a message; undefined when it has none. */
export function methodName({ type }: HttpMethod): string | undefined {
  if (type.case === "unregistered") return type.value || undefined;
  return type.case === "registered" ? METHODS[type.value] : undefined;
}

export function schemeName({ type }: Scheme): string | undefined {
  if (type.case === "unregistered") return type.value || undefined;
  return type.case === "registered" ? SCHEMES[type.value] : undefined;
}

/** A method as messages have it. GET is the number 0: its alternative must be named all the same. */
export function encodeMethod(method: string): MessageInitShape<typeof HttpMethodSchema> {
  const number = METHODS.indexOf(method as (typeof METHODS)[number]);
  return number < 0
    ? { type: { case: "unregistered", value: method } }
    : { type: { case: "registered", value: number } };
}

/** Header lists as messages have them, credentials masked. */
export function encodeHeaders(
  headers: readonly (readonly [name: string, value: string])[],
): MessageInitShape<typeof HeadersSchema> {
  return {
    headers: maskHeaders(headers).map(([name, value]) => ({ name, value: Buffer.from(value, "latin1") })),
  };
}
