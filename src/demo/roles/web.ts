import { CATALOG_PORT } from "./catalog.ts";
import { createHttpClient, type HttpAnswer, type HttpClient } from "./http-client.ts";
import { type Handler, type Reply, serveHttp } from "./http-service.ts";
import { KV_PORT } from "./kv.ts";
import { createKvClient, type KvClient } from "./kv-client.ts";
import { ORDERS_PORT } from "./orders.ts";
import { type Role, serviceAddress } from "./role.ts";

export const WEB_PORT = 8080;

/**
 * The front end. `/` shows catalog, orders and a visit counter from the key-value store, and shows what it has when one of
 * them fails; `/products/N` and `POST /checkout` need their service, and fail with it.
 */
export const web: Role = async (input) => {
  const { env } = input;
  const catalog = createHttpClient("catalog", serviceAddress(env, "catalog", CATALOG_PORT));
  const orders = createHttpClient("orders", serviceAddress(env, "orders", ORDERS_PORT));
  const kv = createKvClient(serviceAddress(env, "kv", KV_PORT));
  try {
    await serveHttp(input, WEB_PORT, createHandler(catalog, orders, kv));
  } finally {
    catalog.close();
    orders.close();
    kv.close();
  }
};

/** The pages, apart from sockets. */
export function createHandler(catalog: HttpClient, orders: HttpClient, kv: KvClient): Handler {
  return async ({ method, path, requestId }) => {
    if (path === "/" && method === "GET") return frontPage(catalog, orders, kv, requestId);
    if (/^\/products\/\d+$/.test(path)) return passOn(await catalog.send("GET", path, { requestId }));
    if (path === "/checkout" && method === "POST") {
      return passOn(await orders.send("POST", "/orders", { requestId }));
    }
    return { status: 404, body: { error: `no ${method} ${path}` } };
  };
}

/** A server error of a service is a bad gateway here; everything else passes. */
function passOn(answer: HttpAnswer): Reply {
  const status = answer.status >= 500 ? 502 : answer.status;
  return { status, body: { from: answer.status, body: answer.body.trimEnd() } };
}

async function frontPage(
  catalog: HttpClient,
  orders: HttpClient,
  kv: KvClient,
  requestId: string | undefined,
): Promise<Reply> {
  const [products, orderCount, visits] = await Promise.allSettled([
    catalog.send("GET", "/products", { requestId }),
    orders.send("GET", "/orders", { requestId }),
    kv.send("INCR visits"),
  ]);
  const http = (result: PromiseSettledResult<HttpAnswer>) =>
    result.status === "fulfilled" && result.value.status === 200
      ? result.value.body.trimEnd()
      : "unavailable";
  const counter = visits.status === "fulfilled" ? visits.value : "unavailable";
  return {
    status: 200,
    body:
      "<!doctype html><title>meshctl demo</title><h1>The works</h1>\n" +
      `<p>catalog: ${escapeHtml(http(products))}\n<p>orders: ${escapeHtml(http(orderCount))}\n` +
      `<p>visits: ${escapeHtml(counter)}\n`,
  };
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
