import type { Environment } from "./config-env.ts";
import { parseProxyConfig } from "./config-parse.ts";
import { createInboundProxy } from "./inbound/stack.ts";
import { liveProxy } from "./life.ts";
import { createOutboundProxy } from "./outbound/stack.ts";
import type { ProxyIo } from "./proxy-io.ts";
import type { MainThread, WorkerBirth } from "./workers/messages.ts";
import { takeSeat } from "./workers/seat.ts";

const SIDES = { createInbound: createInboundProxy, createOutbound: createOutboundProxy };

/**
 * Runs a proxy until the signal aborts and its connections have drained.
 *
 * @param env  `MESHCTL_PROXY_*`
 * @returns exit code: 0, 1 when it could not start or lost a worker, 64 when the environment is wrong
 */
export function runProxy(env: Environment, io: ProxyIo, signal: AbortSignal): Promise<number> {
  return liveProxy(env, io, signal, SIDES);
}

/** Runs one worker of a proxy that has several, until its main thread says stop and its connections have drained. */
export function runProxyWorker(
  env: Environment,
  io: ProxyIo,
  birth: WorkerBirth,
  main: MainThread,
): Promise<number> {
  const stop = new AbortController();
  // The main thread has read the same environment, so that it is good.
  const { identity } = parseProxyConfig(env).config;
  const seat = takeSeat(birth, main, identity, () => stop.abort());
  return liveProxy(env, io, stop.signal, SIDES, seat);
}
