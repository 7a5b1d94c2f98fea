import { createInboundProxy } from "./inbound/stack.ts";
import { type Environment, liveProxy, type ProxyIo } from "./life.ts";
import { createOutboundProxy } from "./outbound/stack.ts";

/**
 * Runs a proxy until the signal aborts and its connections have drained.
 *
 * @param env  `MESHCTL_PROXY_*`
 * @returns exit code: 0, 1 when it could not start, 64 when the environment is wrong
 */
export function runProxy(env: Environment, io: ProxyIo, signal: AbortSignal): Promise<number> {
  return liveProxy(env, io, signal, {
    createInbound: createInboundProxy,
    createOutbound: createOutboundProxy,
  });
}
