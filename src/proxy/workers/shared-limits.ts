import { type InFlightCount, SharedCount } from "../layers/in-flight-count.ts";
import { createSharedBucketsMemory, SharedBuckets, type SharedBucketsMemory } from "./shared-buckets.ts";

/** Memory that the workers of one proxy share, so that its limits hold for the pod. */
export interface SharedMemory {
  readonly buckets: SharedBucketsMemory;
  readonly inboundInFlight: SharedArrayBuffer;
  readonly outboundInFlight: SharedArrayBuffer;
  readonly inboundConnections: SharedArrayBuffer;
  readonly outboundConnections: SharedArrayBuffer;
}

/** What a worker makes of it. */
export interface SharedLimits {
  /** One worker does what only one can: listen on Unix sockets, which the kernel does not share out. */
  readonly isFirst: boolean;
  readonly buckets: SharedBuckets;
  readonly inboundInFlight: InFlightCount;
  readonly outboundInFlight: InFlightCount;
  readonly inboundConnections: InFlightCount;
  readonly outboundConnections: InFlightCount;
}

export function createSharedMemory(): SharedMemory {
  return {
    buckets: createSharedBucketsMemory(),
    inboundInFlight: new SharedArrayBuffer(4),
    outboundInFlight: new SharedArrayBuffer(4),
    inboundConnections: new SharedArrayBuffer(4),
    outboundConnections: new SharedArrayBuffer(4),
  };
}

export function openSharedLimits(memory: SharedMemory, workerIndex: number): SharedLimits {
  return {
    isFirst: workerIndex === 0,
    buckets: new SharedBuckets(memory.buckets),
    inboundInFlight: new SharedCount(memory.inboundInFlight),
    outboundInFlight: new SharedCount(memory.outboundInFlight),
    inboundConnections: new SharedCount(memory.inboundConnections),
    outboundConnections: new SharedCount(memory.outboundConnections),
  };
}
