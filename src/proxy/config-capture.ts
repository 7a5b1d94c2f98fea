import { trySplitHostPort } from "../base/ip.ts";
import type { InboundListener, OutboundServiceListener } from "./config.ts";
import { type ConfigReader, parseList, tryParseListen } from "./config-env.ts";

/*
 * Explicit capture (design section 5): nobody redirects connections, so the proxy listens where clients and the application dial.
 * Each entry is `listen=target`.
 */

/** `A:port=B:port` or `A:port=unix:/path`. */
export function parseInboundListeners(reader: ConfigReader): readonly InboundListener[] {
  return reader.parse<readonly InboundListener[]>(
    "INBOUND_LISTENERS",
    [],
    "a comma list of ip:port=ip:port or ip:port=unix:/path",
    (text) => parseList(text, tryParseInbound),
  );
}

/** `B:listenport=name:port` or `unix:/path=name:port`. */
export function parseOutboundServices(reader: ConfigReader): readonly OutboundServiceListener[] {
  return reader.parse<readonly OutboundServiceListener[]>(
    "OUTBOUND_SERVICES",
    [],
    "a comma list of ip:port=name:port or unix:/path=name:port",
    (text) => parseList(text, tryParseService),
  );
}

function tryParseInbound(entry: string): InboundListener | undefined {
  const [left, right] = splitOnce(entry);
  const listen = tryParseListen(left);
  const target = tryParseUnixPath(right) ?? tryParseListen(right);
  return listen && target && { listen, target };
}

function tryParseService(entry: string): OutboundServiceListener | undefined {
  const [left, right] = splitOnce(entry);
  const listen = tryParseUnixPath(left) ?? tryParseListen(left);
  const service = trySplitHostPort(right);
  if (!listen || !service?.port) return undefined;
  return { listen, name: service.host.toLowerCase().replace(/\.$/, ""), port: service.port };
}

function tryParseUnixPath(text: string): { path: string } | undefined {
  return text.startsWith("unix:/") ? { path: text.slice("unix:".length) } : undefined;
}

function splitOnce(entry: string): [string, string] {
  const equals = entry.indexOf("=");
  return equals < 0 ? [entry, ""] : [entry.slice(0, equals), entry.slice(equals + 1)];
}
