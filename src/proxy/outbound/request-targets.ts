import type { OutboundPolicy } from "../../policy/outbound.ts";
import type { OutboundTarget, ProxyDependencies, Watched } from "../dependencies.ts";
import { discoverWithin, targetName } from "./discover.ts";

/** Targets that one connection holds at once, count; the one that was named longest ago leaves. */
const TARGETS_MAX = 64;

/** The targets that requests of one connection name for themselves, held while the connection lives. */
export class RequestTargets {
  readonly #deps: ProxyDependencies;
  /** Oldest use first. */
  readonly #held = new Map<string, Promise<Watched<OutboundPolicy>>>();

  constructor(deps: ProxyDependencies) {
    this.#deps = deps;
  }

  /** @throws MeshError as `discoverWithin` */
  find(target: OutboundTarget): Promise<Watched<OutboundPolicy>> {
    const name = targetName(target);
    const found = this.#held.get(name) ?? this.#discover(name, target);
    this.#held.delete(name);
    this.#held.set(name, found);
    if (this.#held.size > TARGETS_MAX) {
      const [oldest, watched] = this.#held.entries().next().value!;
      this.#held.delete(oldest);
      release(watched);
    }
    return found;
  }

  release(): void {
    for (const watched of this.#held.values()) release(watched);
    this.#held.clear();
  }

  #discover(name: string, target: OutboundTarget): Promise<Watched<OutboundPolicy>> {
    const watched = discoverWithin(target, this.#deps);
    watched.catch(() => {
      if (this.#held.get(name) === watched) this.#held.delete(name);
    });
    return watched;
  }
}

function release(watched: Promise<Watched<OutboundPolicy>>): void {
  watched.then(
    (held) => held.release(),
    () => {
      // What was never found is held by nobody.
    },
  );
}
