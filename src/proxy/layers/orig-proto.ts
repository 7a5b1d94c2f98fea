import type { ResponseHead } from "../../wire/http1-head.ts";
import type { HttpVersion } from "../http/client-channel.ts";
import type { ServerExchange } from "../http/server-exchange.ts";

/**
 * HTTP/1 over HTTP/2, between two proxies. The client's proxy says in this field what the request was; the server's restores it,
 * and says the same of the response.
 *
 *     client --HTTP/1.1--> proxy ==HTTP/2, l5d-orig-proto: HTTP/1.1==> proxy --HTTP/1.1--> application
 *
 * The suffix `; absolute-form` is understood and not sent: applications get the origin form in any case, since the absolute one
 * was meant for a proxy.
 *
 * @see reference: proxy section 9
 */
export const ORIG_PROTO = "l5d-orig-proto";

/** The client's side: makes the request say which version it travels for. Undone when another attempt goes by HTTP/1. */
export function markOrigProto({ request }: ServerExchange, version: HttpVersion): void {
  const { fields } = request;
  if (version === "http/2" && !request.isHttp2) fields.set(ORIG_PROTO, `HTTP/1.${request.minor}`);
  else if (fields.has(ORIG_PROTO)) fields.remove(ORIG_PROTO);
}

/** The server's side: makes an HTTP/2 request the HTTP/1 request that it was. */
export function restoreOrigProto(exchange: ServerExchange): void {
  const { request, live } = exchange;
  const { fields } = request;
  const original = fields.get(ORIG_PROTO);
  if (original === undefined) return;
  fields.remove(ORIG_PROTO);
  if (!request.isHttp2 || !/^HTTP\/1\.[01]($|;)/.test(original)) return;
  request.isHttp2 = false;
  live.protocol = "http/1";
  // A body without length needs chunks, which HTTP/1.0 does not have.
  request.minor = original.startsWith("HTTP/1.0") && request.body !== "chunked" ? 0 : 1;
  // An empty Host is none in HTTP/2, and HTTP/1.1 must have one (RFC 9112 section 3.2).
  if (request.minor === 1 && !fields.has("host")) fields.append("Host", "");
  exchange.editResponse(original.startsWith("HTTP/1.0") ? nameHttp10 : nameHttp11);
}

/** The same once more for the response, after layers that take what another proxy said away. */
export function renameOrigProto(exchange: ServerExchange): void {
  exchange.editResponse(exchange.request.minor === 0 ? nameHttp10 : nameHttp11);
}

function nameHttp10(head: ResponseHead): void {
  head.fields.set(ORIG_PROTO, "HTTP/1.0");
}

function nameHttp11(head: ResponseHead): void {
  head.fields.set(ORIG_PROTO, "HTTP/1.1");
}
