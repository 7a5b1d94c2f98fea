import { type Clock, sleep } from "../../base/clock.ts";
import { toMeshError } from "../../base/error.ts";
import type { KubeObject } from "../../base/kube-object.ts";
import type { Logger } from "../../base/log.ts";
import type { KubeClient } from "../../kube/client.ts";

export interface LeaseOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly namespace: string;
  readonly name: string;
  /** Unique among those that want it. */
  readonly identity: string;
  /** Called when the lease is won or lost. */
  readonly onChange: (isHeld: boolean) => void;
}

const DURATION_MS = 30_000;
/** The holder writes this often; a failed write may be repeated several times before the lease is lost. */
const RENEW_MS = 8000;
const RETRY_MS = 2000;
/** The holder stops this long before others may begin. */
const MARGIN_MS = 2000;
const TIMEOUT_MS = 5000;

/**
 * Takes part in the election for a Lease until the signal; gives it back at the end.
 *
 *   waiting --free, or its holder silent for 30 s: written--> holding --renewed every 8 s--> holding
 *      ^                                                        |
 *      +---- somebody else's, or not renewed for 28 s ----------+
 *
 * Whether a holder is silent is judged by our own clock, from when its entry last changed: clocks of machines differ.
 */
export async function runLease(options: LeaseOptions): Promise<void> {
  const { clock, signal, log, onChange } = options;
  const election = new Election(options);
  while (!signal.aborted) {
    const wasHeld = election.isHeld;
    try {
      await election.step();
    } catch (caught) {
      const error = toMeshError(caught);
      if (!signal.aborted) log.debug(error.message, { lease: options.name, code: error.code });
      election.failed();
    }
    if (signal.aborted) break;
    if (election.isHeld !== wasHeld) {
      log.info(election.isHeld ? "lease won" : "lease lost", { lease: options.name });
      onChange(election.isHeld);
    }
    await sleep(clock, election.isHeld && !election.mustHurry ? RENEW_MS : RETRY_MS, signal).catch(() => {
      // Aborted: the loop ends.
    });
  }
  if (!election.isHeld) return;
  onChange(false);
  await election
    .release()
    .catch((error: Error) => log.debug("lease not given back", { error: error.message }));
}

class Election {
  readonly #options: LeaseOptions;
  readonly #path: string;
  /** The entry as last seen, and when it was first seen so (monotonic). */
  #seen: { readonly mark: string; readonly at: number } | undefined;
  #renewedAt = 0;
  isHeld = false;
  /** A renewal has failed. */
  mustHurry = false;

  constructor(options: LeaseOptions) {
    this.#options = options;
    this.#path = `/apis/coordination.k8s.io/v1/namespaces/${options.namespace}/leases`;
  }

  /** One look, and one write if it is ours to write. */
  async step(): Promise<void> {
    const { clock, identity } = this.#options;
    const lease = await this.#get();
    const startedAt = clock.monotonic();
    if (!lease) {
      await this.#write("POST", this.#path, this.#entry(undefined));
    } else {
      const spec = lease.spec ?? {};
      const isOurs = spec.holderIdentity === identity;
      if (!isOurs && !this.#isFree(spec)) {
        this.isHeld = false;
        return;
      }
      await this.#write("PUT", `${this.#path}/${this.#options.name}`, this.#entry(lease));
    }
    this.#renewedAt = startedAt;
    this.isHeld = true;
    this.mustHurry = false;
  }

  failed(): void {
    this.mustHurry = true;
    if (this.#options.clock.monotonic() - this.#renewedAt > DURATION_MS - MARGIN_MS) this.isHeld = false;
  }

  /** So that the next one need not wait. */
  async release(): Promise<void> {
    const lease = await this.#get();
    if (lease?.spec?.holderIdentity !== this.#options.identity) return;
    lease.spec = { ...lease.spec, holderIdentity: "", leaseDurationSeconds: 1 };
    await this.#write("PUT", `${this.#path}/${this.#options.name}`, lease);
  }

  #isFree(spec: KubeObject["spec"]): boolean {
    if (!spec.holderIdentity) return true;
    const mark = `${spec.holderIdentity} ${spec.renewTime}`;
    const now = this.#options.clock.monotonic();
    if (this.#seen?.mark !== mark) this.#seen = { mark, at: now };
    return now - this.#seen.at > (spec.leaseDurationSeconds ?? DURATION_MS / 1000) * 1000;
  }

  #entry(lease: KubeObject | undefined): KubeObject {
    const { clock, identity, namespace, name } = this.#options;
    // Leases count in microseconds.
    const now = new Date(clock.now()).toISOString().replace("Z", "000Z");
    const previous = lease?.spec ?? {};
    const isOurs = previous.holderIdentity === identity;
    return {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: lease?.metadata ?? { name, namespace },
      spec: {
        holderIdentity: identity,
        leaseDurationSeconds: DURATION_MS / 1000,
        acquireTime: isOurs ? previous.acquireTime : now,
        renewTime: now,
        leaseTransitions: (previous.leaseTransitions ?? 0) + (isOurs || !lease ? 0 : 1),
      },
    };
  }

  async #get(): Promise<KubeObject | undefined> {
    const { client, name, signal } = this.#options;
    try {
      return await client.request("GET", `${this.#path}/${name}`, {
        timeoutMs: TIMEOUT_MS,
        ...(!signal.aborted && { signal }),
      });
    } catch (error) {
      if (toMeshError(error).code === "KUBE_NOT_FOUND") return undefined;
      throw error;
    }
  }

  /** A conflict means that somebody else was faster: the next step sees who. */
  async #write(method: string, path: string, body: KubeObject): Promise<void> {
    await this.#options.client.request(method, path, { body, timeoutMs: TIMEOUT_MS });
  }
}
