import { MeshError } from "../../base/error.ts";
import type { OutboundPolicy } from "../../policy/outbound.ts";
import type { OutboundTarget, ProxyDependencies, Watched } from "../dependencies.ts";

/** `name:port` or `ip:port`, as records carry it. */
export function targetName(target: OutboundTarget): string {
  if (target.kind === "authority") return `${target.name}:${target.port}`;
  return target.ip.includes(":") ? `[${target.ip}]:${target.port}` : `${target.ip}:${target.port}`;
}

/**
 * The policy of a target, within the failfast time: a control plane that does not answer must not hold clients for ever.
 *
 * @throws MeshError `DISCOVERY_TIMEOUT`, `OUTBOUND_INVALID_TARGET`
 */
export function discoverWithin(
  target: OutboundTarget,
  { discovery, clock, config }: ProxyDependencies,
): Promise<Watched<OutboundPolicy>> {
  return new Promise((resolve, reject) => {
    const timeoutMs = config.outbound.failfastTimeoutMs;
    let isOver = false;
    const timer = clock.schedule(timeoutMs, () => {
      isOver = true;
      reject(
        new MeshError({
          kind: "environment",
          code: "DISCOVERY_TIMEOUT",
          message: `nothing is known about ${targetName(target)} after ${timeoutMs} ms`,
          hint: "check the control plane: meshctl check",
        }),
      );
    });
    discovery.target(target).then(
      (watched) => {
        timer.cancel();
        // Whoever gave up cannot release what came later.
        if (isOver) watched.release();
        else resolve(watched);
      },
      (error: unknown) => {
        timer.cancel();
        reject(error);
      },
    );
  });
}
