import { serveHttp } from "./http-service.ts";
import type { Role } from "./role.ts";

const PRODUCTS = ["anvil", "bellows", "crucible", "drill", "elbow grease", "flux", "gasket", "hammer"].map(
  (name, index) => ({ id: index + 1, name, cents: 199 + 250 * index }),
);

export const CATALOG_PORT = 8080;

/** What there is to buy. `catalog-slow` is this role with a delay. */
export const catalog: Role = (input) =>
  serveHttp(input, CATALOG_PORT, ({ path }) => {
    if (path === "/products") return { status: 200, body: PRODUCTS };
    const id = Number(/^\/products\/(\d+)$/.exec(path)?.[1]);
    const product = PRODUCTS.find((candidate) => candidate.id === id);
    if (product) return { status: 200, body: product };
    return { status: 404, body: { error: `no ${path}` } };
  });

export const PRODUCT_COUNT = PRODUCTS.length;
