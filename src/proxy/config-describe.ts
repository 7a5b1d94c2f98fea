import { formatNetwork, type Network } from "../base/ip.ts";
import type { ProxyConfig } from "./config.ts";

/** The configuration as plain JSON, for `GET /config`. Nothing in it is secret: the token stays in its file. */
export function describeConfig(config: ProxyConfig): object {
  return describe(config) as object;
}

function describe(value: unknown): unknown {
  if (value instanceof Set) return [...value].map(describe);
  if (Array.isArray(value)) return value.map(describe);
  if (typeof value !== "object" || value === null) return value;
  if (isNetwork(value)) return formatNetwork(value);
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, describe(entry)]));
}

function isNetwork(value: object): value is Network {
  return "bits" in value && typeof value.bits === "bigint" && "prefix" in value;
}
