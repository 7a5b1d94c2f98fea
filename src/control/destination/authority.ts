import { isIP } from "node:net";
import { normaliseIp } from "../../base/ip.ts";

/** What a `path` (`name:port`, `ip:port`) asks for. */
export type Authority =
  | { readonly kind: "ip"; readonly ip: string; readonly port: number }
  | {
      readonly kind: "service";
      readonly service: string;
      readonly namespace: string;
      /** Host name of one pod (StatefulSet). */
      readonly instance: string | undefined;
      readonly port: number;
    }
  /** A well-formed name that is no Service of this cluster. */
  | { readonly kind: "foreign"; readonly host: string; readonly port: number };

const DEFAULT_PORT = 80;

/**
 * Reads an authority. A trailing dot is allowed; a port of 0 is not.
 *
 * @returns undefined when it is malformed
 * @see reference: control-plane section 4.1
 */
export function parseAuthority(text: string, clusterDomain: string): Authority | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]\s/]+))(?::(\d{1,5}))?$/.exec(text.trim());
  if (!match) return undefined;
  const port = match[3] === undefined ? DEFAULT_PORT : Number(match[3]);
  if (port < 1 || port > 65535) return undefined;
  const host = (match[1] ?? match[2]!).replace(/\.$/, "").toLowerCase();
  const ip = normaliseIp(host);
  if (isIP(ip) !== 0) return { kind: "ip", ip, port };
  if (match[1] !== undefined) return undefined;
  const suffix = `.svc.${clusterDomain}`;
  if (!host.endsWith(suffix)) return { kind: "foreign", host, port };
  const labels = host.slice(0, -suffix.length).split(".");
  if (labels.some((label) => label === "")) return undefined;
  if (labels.length === 2)
    return { kind: "service", service: labels[0]!, namespace: labels[1]!, instance: undefined, port };
  if (labels.length === 3)
    return { kind: "service", instance: labels[0]!, service: labels[1]!, namespace: labels[2]!, port };
  return { kind: "foreign", host, port };
}
