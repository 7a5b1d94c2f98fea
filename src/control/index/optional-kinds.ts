import { type Clock, sleep } from "../../base/clock.ts";
import { toMeshError } from "../../base/error.ts";
import type { Logger } from "../../base/log.ts";
import type { KubeClient } from "../../kube/client.ts";
import type { ResourceRef, Source, SourceEvent } from "../../kube/source.ts";
import { Store, type StoreListener } from "../../kube/store.ts";

/** A kind that a cluster need not have: it is watched while its CustomResourceDefinition is there. */
export interface OptionalKind {
  readonly group: string;
  readonly plural: string;
  readonly kind: string;
  /** Versions that we can read, the best first. The first that the server has is watched. */
  readonly versions: readonly string[];
}

export interface OptionalKindsOptions {
  readonly kinds: readonly OptionalKind[];
  readonly client: KubeClient;
  /** Objects of a kind. */
  readonly source: Source;
  /** CustomResourceDefinitions; only their metadata is read. */
  readonly definitions: Source;
  readonly listener: StoreListener;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

const DEFINITIONS: ResourceRef = {
  group: "apiextensions.k8s.io",
  version: "v1",
  plural: "customresourcedefinitions",
  kind: "CustomResourceDefinition",
};

/** A definition is there a moment before the server serves it. */
const PROBE_AGAIN_MS = 500;
const PROBES_MAX = 20;

/**
 * Watches kinds that may be missing, and those that come later.
 *
 *              definition named             version served
 *   absent --------------------> probing -------------------> watching
 *      ^                          |   ^ not yet: 500 ms           |
 *      |                          |   | (or the definition changes)
 *      +--------------------------+---+---- definition deleted ---+   (its objects are deleted, too)
 */
export class OptionalKinds {
  /** Resolves when it is known which kinds are there, and those are listed. */
  readonly ready: Promise<void>;
  /** Resolves when everything has ended after the signal. */
  readonly ended: Promise<void>;
  readonly #options: OptionalKindsOptions;
  readonly #watched = new Map<string, WatchedKind>();
  readonly #definitions: Store;

  constructor(options: OptionalKindsOptions) {
    this.#options = options;
    for (const kind of options.kinds) this.#watched.set(definitionOf(kind), new WatchedKind(kind, options));
    this.#definitions = new Store({
      apply: ({ metadata }) => this.#watched.get(metadata.name!)?.appear(),
      delete: ({ metadata }) => this.#watched.get(metadata.name!)?.vanish(),
    });
    this.ready = this.#definitions.ready
      .then(() => Promise.all([...this.#watched.values()].map((kind) => kind.settled())))
      .then(() => {});
    this.ended = this.#run();
  }

  /** What is not listed yet, for `/ready`. */
  get missing(): string[] {
    if (!this.#definitions.isReady) return [DEFINITIONS.plural];
    return [...this.#watched].filter(([, kind]) => !kind.isSettled).map(([name]) => name);
  }

  /** Objects held, by kind and group. */
  *sizes(): Iterable<{ readonly kind: string; readonly size: number }> {
    for (const [name, { size }] of this.#watched) yield { kind: name, size };
  }

  /** The version of a kind that is watched; undefined while it is not. */
  versionOf(group: string, plural: string): string | undefined {
    return this.#watched.get(definitionOf({ group, plural }))?.version;
  }

  async #run(): Promise<void> {
    const { definitions, signal } = this.#options;
    await definitions.run(
      DEFINITIONS,
      (event) => {
        if (this.#isOurs(event)) this.#definitions.handle(event);
      },
      signal,
    );
    await Promise.all([...this.#watched.values()].map((kind) => kind.vanish()));
  }

  /** A cluster may have hundreds of definitions; only the names of ours are kept. */
  #isOurs(event: SourceEvent): boolean {
    return !("object" in event) || this.#watched.has(event.object.metadata.name!);
  }
}

function definitionOf({ group, plural }: { readonly group: string; readonly plural: string }): string {
  return `${plural}.${group}`;
}

class WatchedKind {
  readonly #kind: OptionalKind;
  readonly #options: OptionalKindsOptions;
  readonly #store: Store;
  /** Set while the definition is there. */
  #present: { readonly abort: AbortController; readonly done: Promise<void> } | undefined;
  #firstTry = Promise.withResolvers<void>();
  version: string | undefined;
  isSettled = true;

  constructor(kind: OptionalKind, options: OptionalKindsOptions) {
    this.#kind = kind;
    this.#options = options;
    this.#store = new Store(options.listener);
  }

  get size(): number {
    return this.#store.size;
  }

  /** Resolves when the kind is listed, or is not there, or is not served although it is. */
  settled(): Promise<void> {
    return this.#present ? this.#firstTry.promise : Promise.resolve();
  }

  appear(): void {
    if (this.#present || this.#options.signal.aborted) return;
    const abort = new AbortController();
    const signal = AbortSignal.any([abort.signal, this.#options.signal]);
    this.isSettled = false;
    this.#firstTry = Promise.withResolvers<void>();
    this.#present = { abort, done: this.#watch(signal) };
  }

  async vanish(): Promise<void> {
    const present = this.#present;
    if (!present) return;
    this.#present = undefined;
    present.abort.abort();
    this.#settle();
    await present.done;
    // It may have come back meanwhile; then the new watch lists it.
    if (this.#present || this.#options.signal.aborted) return;
    this.version = undefined;
    this.#store.handle({ type: "init" });
    this.#store.handle({ type: "init-done" });
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { source, log } = this.#options;
    const { group, plural, kind } = this.#kind;
    const version = await this.#probe(signal);
    if (version === undefined) return;
    this.version = version;
    log.info("watching", { resource: plural, group, version });
    await source.run(
      { group, version, plural, kind },
      (event) => {
        if (signal.aborted) return;
        this.#store.handle(event);
        if (event.type === "init-done") this.#settle();
      },
      signal,
    );
  }

  async #probe(signal: AbortSignal): Promise<string | undefined> {
    const { clock, log } = this.#options;
    const { plural, group, versions } = this.#kind;
    for (let probes = 1; !signal.aborted; probes++) {
      const version = await this.#servedVersion(signal);
      if (version !== undefined) return version;
      if (probes === PROBES_MAX) {
        log.warn("definition is there, but no version that can be read is served", {
          resource: plural,
          group,
          versions: versions.join(","),
        });
        this.#settle();
      }
      // The API server may need long; asking every half second for ever would be rude.
      const delayMs = probes < PROBES_MAX ? PROBE_AGAIN_MS : PROBE_AGAIN_MS * PROBES_MAX;
      await sleep(clock, delayMs, signal).catch(() => {
        // Aborted: the loop ends.
      });
    }
    return undefined;
  }

  async #servedVersion(signal: AbortSignal): Promise<string | undefined> {
    const { client, log } = this.#options;
    const { group, plural, versions } = this.#kind;
    for (const version of versions) {
      try {
        const list = await client.request<{ resources?: { name: string }[] }>(
          "GET",
          `/apis/${group}/${version}`,
          { signal },
        );
        if (list.resources?.some(({ name }) => name === plural)) return version;
      } catch (caught) {
        const error = toMeshError(caught);
        if (error.code !== "KUBE_NOT_FOUND" && !signal.aborted)
          log.debug(error.message, { resource: plural });
      }
    }
    return undefined;
  }

  #settle(): void {
    this.isSettled = true;
    this.#firstTry.resolve();
  }
}
