import { type ProfileRoute, quoteRegex } from "./service-profile.ts";

/** Collects routes from requests that were seen: one for each method and path. The root is left out, as it is mostly probes. */
export class SeenRoutes {
  readonly #routes = new Map<string, ProfileRoute>();
  readonly #max: number;

  /** @param max routes that are kept; what comes later is not */
  constructor(max: number) {
    this.#max = max;
  }

  get isFull(): boolean {
    return this.#routes.size >= this.#max;
  }

  /** @param path may have a query, which belongs to no route */
  add(method: string, path: string): void {
    const bare = path.split("?")[0]!;
    const name = `${method} ${bare}`;
    if (bare === "/" || bare === "" || this.isFull || this.#routes.has(name)) return;
    this.#routes.set(name, { name, condition: { method, pathRegex: quoteRegex(bare) } });
  }

  /** In the order of their names. */
  routes(): readonly ProfileRoute[] {
    return [...this.#routes.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}
