import type { Duration } from "@bufbuild/protobuf/wkt";
import type { Metadata } from "../../api/gen/io/linkerd/proxy/meta_pb.js";
import type { IPAddress, IPNetwork, TcpAddress } from "../../api/gen/io/linkerd/proxy/net_pb.js";
import type { ExponentialBackoff } from "../../api/gen/io/linkerd/proxy/outbound_pb.js";
import { MeshError } from "../../base/error.ts";
import { bitsToIpv6, joinHostPort, type Network, numberToIpv4, tryParseNetwork } from "../../base/ip.ts";
import { defaultMeta, type PolicyMeta } from "../../policy/meta.ts";

/** A message of the control plane that breaks the rules of reference proxy-api. `where` names the field. */
export function undecodable(where: string, problem: string): MeshError {
  return new MeshError({
    kind: "environment",
    code: "POLICY_UNDECODABLE",
    message: `the control plane sent ${where} that cannot be used: ${problem}`,
    hint: "control plane and proxy may be of versions that do not fit together; compare `meshctl version --proxy`",
  });
}

/** A field that must be there. */
export function present<T>(value: T | undefined, where: string): T {
  if (value === undefined) throw undecodable(where, "it is absent");
  return value;
}

export function tryDecodeIp(ip: IPAddress | undefined): string | undefined {
  switch (ip?.ip.case) {
    case "ipv4":
      return numberToIpv4(ip.ip.value);
    case "ipv6":
      return bitsToIpv6(
        (BigInt.asUintN(64, ip.ip.value.first) << 64n) | BigInt.asUintN(64, ip.ip.value.last),
      );
    default:
      return undefined;
  }
}

/** Ports are cut to 16 bits, as every receiver does. */
export function tryDecodeAddress(
  address: TcpAddress | undefined,
): { ip: string; port: number; address: string } | undefined {
  const ip = tryDecodeIp(address?.ip);
  if (ip === undefined) return undefined;
  const port = address!.port & 0xffff;
  return { ip, port, address: joinHostPort(ip, port) };
}

export function decodeNetwork(network: IPNetwork | undefined, where: string): Network {
  const ip = tryDecodeIp(network?.ip);
  const parsed = ip === undefined ? undefined : tryParseNetwork(`${ip}/${network!.prefixLen}`);
  if (!parsed) throw undecodable(where, `not a network: ${ip ?? "no address"}/${network?.prefixLen ?? 0}`);
  return parsed;
}

/** Milliseconds, with fraction. */
export function durationMs(duration: Duration): number {
  return Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}

export function tryDurationMs(duration: Duration | undefined): number | undefined {
  return duration && durationMs(duration);
}

/** Inbound objects need no namespace; outbound resources must be named in full (reference proxy-api section 2). */
export function decodeMeta(
  metadata: Metadata | undefined,
  where: string,
  direction: "inbound" | "outbound",
): PolicyMeta {
  const kind = present(metadata, where).kind;
  switch (kind.case) {
    case "default":
      return defaultMeta(kind.value);
    case "resource": {
      const { group, kind: resourceKind, namespace, name, section, port } = kind.value;
      if (direction === "outbound" && !(group && resourceKind && name && namespace)) {
        throw undecodable(
          where,
          `resource "${group}/${resourceKind}/${namespace}/${name}" is not named in full`,
        );
      }
      return { group, kind: resourceKind, namespace, name, section, port };
    }
    default:
      throw undecodable(where, "it names neither a default nor a resource");
  }
}

/** Both bounds, min at most max, max above 0; jitter 0 to 100 (a ratio, despite its range). */
export function decodeBackoff(message: ExponentialBackoff | undefined, where: string) {
  const backoff = present(message, where);
  const minMs = durationMs(present(backoff.minBackoff, `${where}, minimum,`));
  const maxMs = durationMs(present(backoff.maxBackoff, `${where}, maximum,`));
  const jitterRatio = backoff.jitterRatio;
  if (!(maxMs > 0 && minMs <= maxMs && minMs >= 0)) throw undecodable(where, `${minMs} ms to ${maxMs} ms`);
  if (!(jitterRatio >= 0 && jitterRatio <= 100)) throw undecodable(where, `jitter ${jitterRatio}`);
  return { minMs, maxMs, jitterRatio, respectRetryAfter: backoff.respectRetryAfterHint };
}
