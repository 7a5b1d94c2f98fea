import type { IncomingMessage, ServerResponse } from "node:http";
import { parse as parseYaml } from "yaml";
import { decodeProtobuf, isProtobuf } from "./schema/protobuf.ts";
import { apiError, badRequest, statusOf } from "./status.ts";

/** Bodies beyond this are refused before they are kept (bytes); etcd's own limit is 1.5 MB. */
const BODY_BYTES_MAX = 3 * 1024 * 1024;

/** How the client wants objects. */
export type Representation = "object" | "table" | "metadata";

/** Reads `Accept`: the first entry that we can produce. */
export function representationOf(accept: string | undefined): Representation {
  for (const entry of (accept ?? "").split(",")) {
    const [type, ...parameters] = entry.split(";").map((part) => part.trim());
    if (type !== "application/json" && type !== "*/*" && type !== "application/*") continue;
    const as = parameters.find((each) => each.startsWith("as="))?.slice(3);
    if (as === undefined) return "object";
    if (!parameters.includes("v=v1")) continue;
    if (as === "Table") return "table";
    if (as === "PartialObjectMetadata" || as === "PartialObjectMetadataList") return "metadata";
  }
  return "object";
}

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > BODY_BYTES_MAX) {
      throw apiError(413, "RequestEntityTooLarge", `the request body is larger than ${BODY_BYTES_MAX} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** A JSON body, or one in YAML or protobuf. @throws MeshError 400, 415 */
export function parseBody(body: Buffer, contentType: string): unknown {
  if (body.length === 0) return undefined;
  if (isProtobuf(contentType)) return decodeProtobuf(body);
  const text = body.toString("utf8");
  if (contentType.includes("protobuf") || contentType.includes("cbor")) {
    throw apiError(
      415,
      "UnsupportedMediaType",
      `the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf`,
    );
  }
  try {
    return contentType.includes("yaml") ? (parseYaml(text) as unknown) : (JSON.parse(text) as unknown);
  } catch (caught) {
    throw badRequest(`the body of the request could not be read: ${(caught as Error).message}`);
  }
}

export function sendJson(response: ServerResponse, code: number, text: string): void {
  const bytes = Buffer.from(text, "utf8");
  response.writeHead(code, {
    "content-type": "application/json",
    "cache-control": "no-cache, private",
    "content-length": bytes.length,
  });
  response.end(bytes);
}

export function sendText(response: ServerResponse, code: number, text: string): void {
  response.writeHead(code, {
    "content-type": "text/plain; charset=utf-8",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}

/** Answers a failure with its Status, or ends the connection when the answer has already begun. */
export function sendError(response: ServerResponse, caught: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const status = statusOf(caught);
  const retry = status.details?.retryAfterSeconds;
  if (retry !== undefined) response.setHeader("retry-after", String(retry));
  if (status.code === 413) response.setHeader("connection", "close");
  sendJson(response, status.code, JSON.stringify(status));
}

/** RFC 7234 warnings, which kubectl prints. */
export function addWarnings(response: ServerResponse, warnings: readonly string[]): void {
  for (const warning of warnings) {
    response.appendHeader(
      "warning",
      `299 - "${warning.replaceAll(/["\\]/g, "\\$&").replaceAll(/[^\x20-\x7e]/g, "?")}"`,
    );
  }
}
