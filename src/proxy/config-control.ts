import { type Network, trySplitHostPort } from "../base/ip.ts";
import { isOwnHost } from "../policy/authorize.ts";
import type { BackoffConfig, ControlAddress, ProxyConfig } from "./config.ts";
import { type ConfigReader, isDnsName } from "./config-env.ts";

/** An address and, unless it is this host, the name that its certificate must carry. */
export function readControlAddress(
  reader: ConfigReader,
  stem: string,
  ownNetworks: readonly Network[],
): ControlAddress {
  const name = reader.parse(`${stem}_NAME`, "", "a DNS name", (text) => (isDnsName(text) ? text : undefined));
  const found = reader.raw(`${stem}_ADDR`);
  if (!found) {
    reader.missing(`${stem}_ADDR`);
    return { host: "", port: 0, name: undefined };
  }
  const parts = trySplitHostPort(found.value);
  if (parts?.port === undefined) {
    reader.problem(found.name, found.value, "host:port");
    return { host: "", port: 0, name: undefined };
  }
  const { host, port } = parts;
  if (/^localhost\.?$/.test(host) || isOwnHost(host, ownNetworks)) return { host, port, name: undefined };
  if (name === "") reader.missing(`${stem}_NAME`, `is required, because ${found.value} is not this host`);
  return { host, port, name };
}

/** `<stem>_MIN` and so on. MIN and MAX come together, and JITTER only with them. */
export function readBackoff(reader: ConfigReader, stem: string, fallback: BackoffConfig): BackoffConfig {
  const minMs = reader.durationMs(`${stem}_MIN`, undefined);
  const maxMs = reader.durationMs(`${stem}_MAX`, undefined);
  const hasJitter = reader.raw(`${stem}_JITTER`) !== undefined;
  const jitterRatio = reader.ratio(`${stem}_JITTER`, minMs === undefined ? fallback.jitterRatio : 0);
  if (minMs === undefined && maxMs === undefined) {
    if (hasJitter) reader.missing(`${stem}_MIN`, "and _MAX are required with _JITTER");
    return fallback;
  }
  if (minMs === undefined || maxMs === undefined) {
    reader.missing(`${stem}_${minMs === undefined ? "MIN" : "MAX"}`, "is required: both bounds or none");
    return fallback;
  }
  if (minMs > maxMs || maxMs === 0) {
    reader.missing(`${stem}_MAX`, `must be above 0 and at least _MIN (${minMs} ms), it is ${maxMs} ms`);
    return fallback;
  }
  return { minMs, maxMs, jitterRatio };
}

/** CONTROL_STREAM_*: bounds of the streams of the control plane. */
export function readControlStream(reader: ConfigReader): ProxyConfig["controlStream"] {
  const initialTimeoutMs = reader.durationMs("CONTROL_STREAM_INITIAL_TIMEOUT", undefined);
  const idleTimeoutMs = reader.durationMs("CONTROL_STREAM_IDLE_TIMEOUT", undefined);
  const lifetimeMs = reader.durationMs("CONTROL_STREAM_LIFETIME", undefined);
  const given = [initialTimeoutMs, idleTimeoutMs, lifetimeMs].filter((value) => value !== undefined);
  if (given.some((value, index) => index > 0 && value < given[index - 1]!)) {
    reader.missing(
      "CONTROL_STREAM_LIFETIME",
      "and its siblings must ascend: INITIAL_TIMEOUT, IDLE_TIMEOUT, LIFETIME",
    );
  }
  return { initialTimeoutMs, idleTimeoutMs, lifetimeMs };
}
