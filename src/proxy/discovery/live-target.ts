import { Destination, type DestinationProfile } from "../../api/gen/io/linkerd/proxy/destination_pb.js";
import {
  OutboundPolicies,
  type OutboundPolicy as OutboundPolicyMessage,
} from "../../api/gen/io/linkerd/proxy/outbound_pb.js";
import { Backoff } from "../../base/backoff.ts";
import { sleep } from "../../base/clock.ts";
import { MeshError, toMeshError } from "../../base/error.ts";
import { tryIpBits } from "../../base/ip.ts";
import type { OutboundPolicy } from "../../policy/outbound.ts";
import { hasGrpcStatus } from "../control/grpc-status.ts";
import type { HostResolver } from "../control/resolve-host.ts";
import { watchStream } from "../control/watch-stream.ts";
import { decodeOutboundPolicy, invalidOutboundPolicy } from "./decode-outbound.ts";
import { decodeProfile, type Profile } from "./decode-profile.ts";
import { mergePolicy } from "./merge-policy.ts";
import { WatchedCell } from "./shared-watch.ts";
import { isRefusal, type StreamSource } from "./stream-source.ts";
import { type NamedTarget, targetKey } from "./target-name.ts";
import { watchAddresses } from "./watch-addresses.ts";

export interface LiveTargetOptions {
  readonly target: NamedTarget;
  /** Undefined: no profile is asked for. */
  readonly profilePath: string | undefined;
  readonly context: string;
  readonly workload: string;
  readonly destination: StreamSource;
  readonly policy: StreamSource;
  readonly resolver: HostResolver;
  /** Whether an address would lead back into this proxy. */
  readonly isOwnListener: (ip: string, port: number) => boolean;
}

export interface LiveTarget {
  /** Resolves once profile and policy are known; rejects when the control plane refuses the target. */
  readonly ready: Promise<WatchedCell<OutboundPolicy>>;
}

/** Part of the answer: not here yet, known to be none, or a value. */
type Part<T> =
  | { readonly state: "pending" }
  | { readonly state: "none" }
  | { readonly state: "known"; readonly value: T };
const PENDING = { state: "pending" } as const;
const NONE = { state: "none" } as const;
/** Waits before a target without policy is asked about again. */
const ABSENT_RETRY = { minMs: 1000, maxMs: 30_000, jitterRatio: 0.1 };

/**
 * Follows one outbound target until the signal aborts: profile and policy at once, merged whenever either changes. What neither knows
 * is resolved by DNS.
 *
 * ```
 *   profile  pending --> none | known         policy  pending --> none | known | refused (ready rejects)
 *   both decided --> merged: ready resolves, and changes go to the cell
 * ```
 */
export function followTarget(options: LiveTargetOptions, signal: AbortSignal): LiveTarget {
  const { target } = options;
  const what = targetKey(target);
  const ready = Promise.withResolvers<WatchedCell<OutboundPolicy>>();
  // Whoever waits has a handler of its own; a target that nobody waits for any more may fail quietly.
  ready.promise.catch(() => {});
  let cell: WatchedCell<OutboundPolicy> | undefined;
  let profile: Part<Profile> = options.profilePath === undefined ? NONE : PENDING;
  let policy: Part<OutboundPolicy> = PENDING;
  let addresses: Part<readonly string[]> = target.kind === "address" ? known(usable([target.ip])) : PENDING;
  let resolving = false;

  function usable(found: readonly string[]): readonly string[] {
    return found.filter((ip) => tryIpBits(ip) && !options.isOwnListener(ip, target.port));
  }

  const merge = (): void => {
    if (profile.state === "pending" || policy.state === "pending" || signal.aborted) return;
    const profileValue = knownValue(profile);
    if (policy.state === "none" && !profileValue?.endpoint && addresses.state === "pending") {
      if (!resolving) resolveName();
      return;
    }
    const merged = mergePolicy({
      target,
      profile: profileValue,
      policy: knownValue(policy),
      addresses: knownValue(addresses) ?? [],
    });
    if (cell) {
      cell.set(merged);
      return;
    }
    cell = new WatchedCell(merged);
    ready.resolve(cell);
  };

  const resolveName = (): void => {
    resolving = true;
    const { resolver, policy: source } = options;
    const name = target.kind === "authority" ? target.name : target.ip;
    const onAddresses = (found: readonly string[]) => {
      const next = usable(found);
      if (addresses.state === "known" && String(addresses.value) === String(next)) return;
      addresses = known(next);
      merge();
    };
    watchAddresses(
      { name, resolver, clock: source.clock, random: source.random, log: source.log, onAddresses },
      signal,
    );
  };

  const setProfile = (part: Part<Profile>): void => {
    profile = part;
    merge();
  };

  const setPolicy = (part: Part<OutboundPolicy>): void => {
    policy = part;
    merge();
  };

  if (options.profilePath !== undefined)
    followProfile(options, what, options.profilePath, signal, setProfile);
  followPolicy(options, what, signal, setPolicy, (error) => ready.reject(refused(what, error)));
  return { ready: ready.promise };
}

function followProfile(
  options: LiveTargetOptions,
  what: string,
  path: string,
  signal: AbortSignal,
  set: (part: Part<Profile>) => void,
): void {
  let isDecided = false;
  const decide = (part: Part<Profile>) => {
    isDecided = true;
    set(part);
  };
  const done = watchStream<DestinationProfile>(
    {
      ...options.destination,
      what: `profile of ${what}`,
      open: (stop, onMessage) =>
        options.destination.client.stream(
          Destination.method.getProfile,
          { path, contextToken: options.context },
          { signal: stop, onMessage },
        ),
      onMessage: (message) => decide(known(decodeProfile(message))),
      isFinal: isRefusal,
      // The controller answers UNKNOWN for a Service that does not exist. An address is held until it is known better; a name that a
      // client made up must not wait for ever.
      onFailure: (error) => {
        if (
          !isDecided &&
          options.target.kind === "authority" &&
          hasGrpcStatus(error, "UNKNOWN", "NOT_FOUND")
        ) {
          decide(NONE);
        }
      },
    },
    signal,
  );
  done.then((error) => {
    if (error) decide(NONE);
  });
}

/**
 * Absence is asked about again while somebody holds the target: the controller may not have seen a new Service yet, and the way
 * around it has no mTLS. A policy that was known outlives a controller that has forgotten it.
 */
async function followPolicy(
  options: LiveTargetOptions,
  what: string,
  signal: AbortSignal,
  set: (part: Part<OutboundPolicy>) => void,
  refuse: (error: MeshError) => void,
): Promise<void> {
  const { target, policy: source } = options;
  const again = new Backoff({ ...ABSENT_RETRY, random: source.random });
  let isKnown = false;
  const decide = (value: OutboundPolicy) => {
    isKnown = true;
    again.reset();
    set(known(value));
  };
  while (!signal.aborted) {
    const error = await watchStream<OutboundPolicyMessage>(
      {
        ...source,
        what: `outbound policy of ${what}`,
        open: (stop, onMessage) =>
          source.client.stream(
            OutboundPolicies.method.watch,
            { sourceWorkload: options.workload, target: specOf(target) },
            { signal: stop, onMessage },
          ),
        onMessage: (message) => {
          try {
            decide(decodeOutboundPolicy(message));
          } catch (caught) {
            source.log.error("outbound policy refused", { target: what, error: toMeshError(caught).message });
            decide(invalidOutboundPolicy());
          }
        },
        isFinal: (failure) => isRefusal(failure) || isAbsence(failure),
      },
      signal,
    );
    if (!error) return;
    if (!isAbsence(error)) {
      refuse(error);
      return;
    }
    if (!isKnown) set(NONE);
    // Rejects only because the signal aborted, which ends the loop.
    await sleep(source.clock, again.nextMs(), signal).catch(() => {});
  }
}

/** "There is no policy for this", from a control plane that knows the question or from one that does not. */
function isAbsence(error: MeshError): boolean {
  return hasGrpcStatus(error, "NOT_FOUND", "UNIMPLEMENTED");
}

function specOf(target: NamedTarget) {
  if (target.kind === "authority") {
    return { case: "authority", value: `${target.serviceName}:${target.port}` } as const;
  }
  const { family, bits } = tryIpBits(target.ip)!;
  const ip =
    family === 4
      ? ({ case: "ipv4", value: Number(bits) } as const)
      : ({ case: "ipv6", value: { first: bits >> 64n, last: BigInt.asUintN(64, bits) } } as const);
  return { case: "addr", value: { ip: { ip }, port: target.port } } as const;
}

function refused(what: string, cause: MeshError): MeshError {
  return new MeshError({
    kind: "environment",
    code: "OUTBOUND_INVALID_TARGET",
    message: `the control plane refuses the target ${what}: ${cause.message}`,
    cause,
  });
}

function known<T>(value: T): Part<T> {
  return { state: "known", value };
}

function knownValue<T>(part: Part<T>): T | undefined {
  return part.state === "known" ? part.value : undefined;
}
