import { type Clock, sleep, type Timer } from "../../base/clock.ts";
import { toMeshError } from "../../base/error.ts";
import type { KubeObject } from "../../base/kube-object.ts";
import type { Logger } from "../../base/log.ts";
import type { KubeClient } from "../../kube/client.ts";
import { resourcePath } from "../../kube/resource-path.ts";
import type { Registry } from "../../metrics/registry.ts";
import type { ControlSettings } from "../control-settings.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";
import { CUSTOM_KINDS, type CustomKind } from "../index/custom-kinds.ts";
import { groupOf } from "../index/custom-objects.ts";
import type { Track, Views } from "../index/view.ts";
import { STATUS_CONTROLLER } from "./conditions.ts";
import { egressNetworkStatus, patchedConditions, rateLimitStatus } from "./policy-status.ts";
import { patchedRouteStatus, routeStatus } from "./route-status.ts";

export interface StatusControllerOptions {
  readonly index: ClusterIndex;
  readonly views: Views;
  readonly settings: ControlSettings;
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Registry;
  readonly signal: AbortSignal;
  /** Version of a kind that the server has; undefined while it has none. */
  readonly versionOf: (group: string, plural: string) => string | undefined;
}

/** Kinds whose status is ours to write. */
const KINDS: readonly CustomKind[] = [
  CUSTOM_KINDS.policyHttpRoute,
  CUSTOM_KINDS.httpRoute,
  CUSTOM_KINDS.grpcRoute,
  CUSTOM_KINDS.tlsRoute,
  CUSTOM_KINDS.tcpRoute,
  CUSTOM_KINDS.rateLimit,
  CUSTOM_KINDS.egressNetwork,
];

/** Everything is compared again this often, in case something was missed. */
const RECONCILE_MS = 10_000;
const PATCH_TIMEOUT_MS = 5000;
/** After a patch that failed. */
const RETRY_MS = 1000;
const QUEUE_MAX = 10_000;

type Status = Readonly<Record<string, unknown>>;

/** One object under watch: what its status shall be follows from others, too. */
interface Watched {
  readonly kind: CustomKind;
  readonly stop: () => void;
}

/**
 * Writes the statuses of routes, rate limits and egress networks, while it is told to.
 *
 *   object changes, or one that its status depends on --> queue --> compare --differs--> PATCH .../status
 *
 * What it writes is what discovery already does: both are computed from the same functions.
 */
export class StatusController {
  readonly #options: StatusControllerOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #queue = new Set<string>();
  readonly #counts: ReturnType<typeof createCounts>;
  #isLeader = false;
  #wake: (() => void) | undefined;

  constructor(options: StatusControllerOptions) {
    this.#options = options;
    this.#counts = createCounts(options.metrics);
    options.metrics.onScrape(() => this.#counts.queued.set(this.#queue.size));
  }

  /** Whether this process may write. */
  set isLeader(isLeader: boolean) {
    this.#isLeader = isLeader;
    if (isLeader) this.#enqueueAll();
    else this.#queue.clear();
  }

  /** An object of any kind has come or changed. */
  applied(object: KubeObject): void {
    const kind = kindOf(object);
    if (!kind) return;
    const key = keyOf(kind, object);
    if (!this.#watched.has(key)) {
      const { namespace = "", name = "" } = object.metadata;
      const view = this.#options.views.get(`status/${key}`, {
        isEqual: () => false,
        // Its value is not kept: the queue computes it when it is needed.
        compute: (track) => void this.#wanted(kind, namespace, name, track),
      });
      this.#watched.set(key, { kind, stop: view.subscribe(() => this.#enqueue(key)) });
    }
    this.#enqueue(key);
  }

  deleted(object: KubeObject): void {
    const kind = kindOf(object);
    if (!kind) return;
    const key = keyOf(kind, object);
    this.#watched.get(key)?.stop();
    this.#watched.delete(key);
    this.#queue.delete(key);
  }

  /** Works until the signal. */
  async run(): Promise<void> {
    const { clock, signal } = this.#options;
    let timer: Timer;
    const again = (): void => {
      this.#enqueueAll();
      timer = clock.schedule(RECONCILE_MS, again);
    };
    timer = clock.schedule(RECONCILE_MS, again);
    const onAbort = (): void => this.#wake?.();
    signal.addEventListener("abort", onAbort, { once: true });
    while (!signal.aborted) {
      const [key] = this.#queue;
      if (key === undefined || !this.#isLeader) {
        await new Promise<void>((resolve) => (this.#wake = resolve));
        this.#wake = undefined;
        continue;
      }
      this.#queue.delete(key);
      if (!(await this.#reconcile(key))) {
        this.#enqueue(key);
        await sleep(clock, RETRY_MS, signal).catch(() => {
          // Aborted: the loop ends.
        });
      }
    }
    timer.cancel();
    for (const { stop } of this.#watched.values()) stop();
    this.#watched.clear();
  }

  /** @returns false: try again */
  async #reconcile(key: string): Promise<boolean> {
    const watched = this.#watched.get(key);
    if (!watched) return true;
    const { client, clock, log, signal, versionOf } = this.#options;
    const { kind } = watched;
    const [namespace, name] = key.split("/").slice(-2) as [string, string];
    const found = this.#wanted(kind, namespace, name, () => {});
    const version = versionOf(kind.group, kind.plural);
    if (!found?.status || version === undefined) return true;
    const { resourceVersion } = found.object.metadata;
    this.#counts.patches.add();
    try {
      const path = `${resourcePath({ ...kind, version }, namespace)}/${name}/status`;
      await client.request("PATCH", path, {
        query: { fieldManager: STATUS_CONTROLLER },
        contentType: "application/merge-patch+json",
        // The version makes it a conflict when somebody else has written meanwhile: lists are replaced as a whole.
        body: { metadata: { resourceVersion }, status: found.status },
        timeoutMs: PATCH_TIMEOUT_MS,
        signal,
      });
      log.debug("status written", { object: key, at: clock.now() });
      return true;
    } catch (caught) {
      const { code, message } = toMeshError(caught);
      // Gone, or changed: the watch tells, and we look again.
      if (code === "KUBE_NOT_FOUND" || code === "KUBE_CONFLICT" || signal.aborted) return true;
      if (code === "KUBE_TIMEOUT") this.#counts.timeouts.add();
      else this.#counts.errors.add();
      log.warn("status not written", { object: key, error: message });
      return false;
    }
  }

  /** The object, and the status that it needs if it has another. */
  #wanted(
    kind: CustomKind,
    namespace: string,
    name: string,
    track: Track,
  ): { readonly object: KubeObject; readonly status: Status | undefined } | undefined {
    const { index, settings, clock } = this.#options;
    const object = index.custom.get(kind, namespace, name, track);
    if (!object) return undefined;
    const now = `${new Date(clock.now()).toISOString().slice(0, 19)}Z`;
    switch (kind) {
      case CUSTOM_KINDS.rateLimit:
        return { object, status: patchedConditions(object, rateLimitStatus(object, index, track), now) };
      case CUSTOM_KINDS.egressNetwork:
        return { object, status: patchedConditions(object, egressNetworkStatus(object, settings), now) };
      default:
        return {
          object,
          status: patchedRouteStatus(object, routeStatus(object, { index, settings, track }), now),
        };
    }
  }

  #enqueueAll(): void {
    for (const key of this.#watched.keys()) this.#enqueue(key);
  }

  #enqueue(key: string): void {
    if (!this.#isLeader) return;
    if (this.#queue.size >= QUEUE_MAX && !this.#queue.has(key)) {
      // The next round comes upon it.
      this.#counts.overflows.add();
      return;
    }
    this.#queue.add(key);
    this.#wake?.();
  }
}

function kindOf(object: KubeObject): CustomKind | undefined {
  const group = groupOf(object.apiVersion);
  return KINDS.find((kind) => kind.kind === object.kind && kind.group === group);
}

function keyOf(kind: CustomKind, { metadata }: KubeObject): string {
  return `${kind.plural}.${kind.group}/${metadata.namespace}/${metadata.name}`;
}

function createCounts(metrics: Registry) {
  const name = (what: string): string => `resource_status_${what}`;
  return {
    patches: metrics.counter(name("patches_total"), "Statuses that were sent"),
    errors: metrics.counter(name("patch_api_errors_total"), "Statuses that the API server refused"),
    timeouts: metrics.counter(name("patch_timeouts_total"), "Statuses that were not answered in time"),
    overflows: metrics.counter(name("patch_enqueue_overflows_total"), "Objects that found the queue full"),
    queued: metrics.gauge(name("queued"), "Objects whose status waits for a look"),
  };
}
