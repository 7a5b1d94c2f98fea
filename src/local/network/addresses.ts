import { MeshError } from "../../base/error.ts";

/**
 * The addresses of one cluster in its 127.N.0.0/16:
 *
 * ```
 *   127.N.0.1        the node: kubelet, probes        127.N.16-31.x    ClusterIPs
 *   127.N.0.10       cluster DNS                      127.N.64-127.x   pods, public (A)
 *                                                     127.N.128-191.x  pods, private (B = A with 64 added to the third octet)
 * ```
 */
export interface ClusterAddresses {
  readonly cidr: string;
  readonly node: string;
  readonly dns: string;
  readonly pods: PodAddressPool;
  readonly clusterIps: ClusterIpPool;
}

/** What peers dial (A) and what the application listens on behind its proxy (B). */
export interface PodAddresses {
  readonly publicIp: string;
  readonly privateIp: string;
}

const HOSTS_PER_BLOCK = 254;
const POD_BLOCK = 64;
const POD_BLOCKS = 64;
const SERVICE_BLOCK = 16;
const SERVICE_BLOCKS = 16;

export function createClusterAddresses(octet: number): ClusterAddresses {
  return {
    cidr: `127.${octet}.0.0/16`,
    node: `127.${octet}.0.1`,
    dns: `127.${octet}.0.10`,
    pods: new PodAddressPool(octet),
    clusterIps: new ClusterIpPool(octet),
  };
}

/** Slots 0 to `size`-1, given out in a round: a freed one returns as late as possible, when nobody remembers it. */
class SlotRing {
  readonly #size: number;
  readonly #taken = new Set<number>();
  #next = 0;

  constructor(size: number) {
    this.#size = size;
  }

  take(): number | undefined {
    if (this.#taken.size >= this.#size) return undefined;
    while (this.#taken.has(this.#next)) this.#next = (this.#next + 1) % this.#size;
    const slot = this.#next;
    this.#taken.add(slot);
    this.#next = (this.#next + 1) % this.#size;
    return slot;
  }

  takeExactly(slot: number): boolean {
    if (this.#taken.has(slot)) return false;
    this.#taken.add(slot);
    return true;
  }

  free(slot: number): void {
    this.#taken.delete(slot);
  }
}

/** Pairs of pod addresses by pod uid. */
export class PodAddressPool {
  readonly #octet: number;
  readonly #slots = new SlotRing(POD_BLOCKS * HOSTS_PER_BLOCK);
  readonly #byUid = new Map<string, number>();

  constructor(octet: number) {
    this.#octet = octet;
  }

  /** The pod's pair; the same for the same uid until it is released. */
  allocate(uid: string): PodAddresses {
    let slot = this.#byUid.get(uid);
    if (slot === undefined) {
      slot = this.#slots.take();
      if (slot === undefined) {
        throw new MeshError({
          kind: "environment",
          code: "NETWORK_NO_POD_ADDRESS",
          message: `all ${POD_BLOCKS * HOSTS_PER_BLOCK} pod addresses are in use`,
          hint: "delete pods",
        });
      }
      this.#byUid.set(uid, slot);
    }
    const block = POD_BLOCK + Math.floor(slot / HOSTS_PER_BLOCK);
    const host = (slot % HOSTS_PER_BLOCK) + 1;
    return {
      publicIp: `127.${this.#octet}.${block}.${host}`,
      privateIp: `127.${this.#octet}.${block + POD_BLOCKS}.${host}`,
    };
  }

  release(uid: string): void {
    const slot = this.#byUid.get(uid);
    if (slot === undefined) return;
    this.#byUid.delete(uid);
    this.#slots.free(slot);
  }
}

/** ClusterIPs of Services. */
export class ClusterIpPool {
  readonly #octet: number;
  readonly #slots = new SlotRing(SERVICE_BLOCKS * HOSTS_PER_BLOCK);

  constructor(octet: number) {
    this.#octet = octet;
  }

  /**
   * @param requested an address that the Service's author chose
   * @returns undefined when that is taken or outside of the range, or when the range is full
   */
  allocate(requested?: string): string | undefined {
    if (requested !== undefined) {
      const slot = this.#slotOf(requested);
      return slot !== undefined && this.#slots.takeExactly(slot) ? requested : undefined;
    }
    const slot = this.#slots.take();
    if (slot === undefined) return undefined;
    const block = SERVICE_BLOCK + Math.floor(slot / HOSTS_PER_BLOCK);
    return `127.${this.#octet}.${block}.${(slot % HOSTS_PER_BLOCK) + 1}`;
  }

  release(address: string): void {
    const slot = this.#slotOf(address);
    if (slot !== undefined) this.#slots.free(slot);
  }

  #slotOf(address: string): number | undefined {
    const match = /^127\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
    if (!match || Number(match[1]) !== this.#octet) return undefined;
    const block = Number(match[2]) - SERVICE_BLOCK;
    const host = Number(match[3]);
    if (block < 0 || block >= SERVICE_BLOCKS || host < 1 || host > HOSTS_PER_BLOCK) return undefined;
    return block * HOSTS_PER_BLOCK + host - 1;
  }
}
