import { Agent, request } from "node:http";
import type { Address } from "./sockets.ts";

/** What a client saw: a status, or the system's code when the connection broke. */
export type Seen = string;

/** One request on a connection of the agent. Resolves when its answer is whole, or broken. */
export function ask(
  address: Address,
  path: string,
  options: { readonly agent?: Agent; readonly method?: string; readonly signal?: AbortSignal } = {},
): Promise<Seen> {
  return new Promise((resolve) => {
    const { agent, method, signal } = options;
    const outgoing = request(
      { ...address, path, method: method ?? "GET", agent: agent ?? false, ...(signal ? { signal } : {}) },
      (response) => {
        response.resume();
        response.on("end", () => resolve(String(response.statusCode)));
        response.on("error", () => resolve(`${response.statusCode}, broken off`));
      },
    );
    outgoing.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    outgoing.end();
  });
}

export interface Load {
  /** How often each thing was seen so far. */
  readonly seen: Map<Seen, number>;
  /** All requests so far. */
  readonly count: () => number;
  /** Resolves when so many more requests have ended. */
  more(count: number): Promise<void>;
  /** Lets those that run end; resolves with what was seen in all. */
  stop(): Promise<Map<Seen, number>>;
}

/**
 * Clients that ask one request after the other, each on a connection that it keeps, until they are stopped.
 *
 * @param t stops them at its end, should the test fail before it does
 */
export function startLoad(
  t: { after(callback: () => unknown): void },
  address: Address,
  clients: number,
  path = "/ok",
): Load {
  const seen = new Map<Seen, number>();
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const waiting = new Set<{ at: number; resolve: () => void }>();
  let total = 0;
  let isStopped = false;
  const run = async () => {
    while (!isStopped) {
      const what = await ask(address, path, { agent });
      seen.set(what, (seen.get(what) ?? 0) + 1);
      total++;
      for (const each of waiting) {
        if (total < each.at) continue;
        waiting.delete(each);
        each.resolve();
      }
      // Without a pause a refused connection would be asked for again a thousand times a second.
      if (what !== "200") await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const running = Array.from({ length: clients }, run);
  t.after(() => {
    isStopped = true;
    agent.destroy();
  });
  return {
    seen,
    count: () => total,
    more: (count) => new Promise((resolve) => waiting.add({ at: total + count, resolve })),
    async stop() {
      isStopped = true;
      await Promise.all(running);
      agent.destroy();
      return seen;
    },
  };
}
