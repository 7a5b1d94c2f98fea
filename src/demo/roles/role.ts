import type { Clock } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";

/** What a role of the sample application is given. */
export interface RoleInput {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  /** Aborted on SIGTERM: finish what is in flight, then return. */
  readonly signal: AbortSignal;
  readonly settings: RoleSettings;
  /** Told where the role listens, once it does; tests listen on port 0. */
  readonly onListening?: (port: number) => void;
}

export interface RoleSettings {
  /** Added to every answer, milliseconds. */
  readonly delayMs: number;
  /** Share of the requests that fail, 0 to 1. */
  readonly failureRatio: number;
  /** Requests a second that the traffic generator sends. */
  readonly rate: number;
}

/** Runs until the signal aborts and everything is closed. */
export type Role = (input: RoleInput) => Promise<void>;

/** Where a role listens: `LISTEN_HOST` (the local cluster sets it; elsewhere every address) and `PORT`. */
export function listenAddress(env: RoleInput["env"], defaultPort: number): { host: string; port: number } {
  const text = env.PORT;
  const port = text === undefined || !/^\d{1,5}$/.test(text) ? defaultPort : Number(text);
  return { host: env.LISTEN_HOST || "0.0.0.0", port };
}

/**
 * How to reach a Service: Kubernetes' own service variables, which lead through the proxy in the local cluster; else its DNS
 * name, which leads through the proxy wherever connections are redirected.
 */
export function serviceAddress(
  env: RoleInput["env"],
  service: string,
  defaultPort: number,
): { host: string; port: number } {
  const prefix = service.toUpperCase().replaceAll("-", "_");
  const host = env[`${prefix}_SERVICE_HOST`];
  const port = Number(env[`${prefix}_SERVICE_PORT`]);
  if (host && Number.isInteger(port) && port > 0 && port < 65536) return { host, port };
  return { host: service, port: defaultPort };
}
