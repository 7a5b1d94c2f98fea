import { serveHttp } from "./http-service.ts";
import type { Role } from "./role.ts";

export const ORDERS_PORT = 8080;

/** Takes orders, and is the service whose requests sometimes fail. */
export const orders: Role = (input) => {
  let count = 0;
  return serveHttp(input, ORDERS_PORT, ({ method, path }) => {
    if (path !== "/orders") return { status: 404, body: { error: `no ${path}` } };
    if (method === "POST") return { status: 201, body: { order: ++count } };
    if (method === "GET") return { status: 200, body: { orders: count } };
    return { status: 405, body: { error: `no ${method} of ${path}` } };
  });
};
