import type { MessageInitShape } from "@bufbuild/protobuf";
import type { DurationSchema } from "@bufbuild/protobuf/wkt";
import type { MetadataSchema } from "../../api/gen/io/linkerd/proxy/meta_pb.js";
import type {
  IPAddressSchema,
  IPNetworkSchema,
  TcpAddressSchema,
} from "../../api/gen/io/linkerd/proxy/net_pb.js";
import { type Network, numberToIpv4, tryIpBits } from "../../base/ip.ts";

/** An address as the wire has it. The text must be an address. */
export function encodeIp(ip: string): MessageInitShape<typeof IPAddressSchema> {
  const parsed = tryIpBits(ip);
  if (!parsed) throw new TypeError(`${ip} is no IP address`);
  if (parsed.family === 4) return { ip: { case: "ipv4", value: Number(parsed.bits) } };
  return {
    ip: { case: "ipv6", value: { first: parsed.bits >> 64n, last: parsed.bits & 0xffff_ffff_ffff_ffffn } },
  };
}

export function encodeAddress(ip: string, port: number): MessageInitShape<typeof TcpAddressSchema> {
  return { ip: encodeIp(ip), port };
}

/** The text of a wire address; undefined when it holds none. */
export function decodeIp(
  address:
    | {
        readonly ip:
          | { readonly case: "ipv4"; readonly value: number }
          | { readonly case: "ipv6"; readonly value: { readonly first: bigint; readonly last: bigint } }
          | { readonly case: undefined };
      }
    | undefined,
  formatIpv6: (bits: bigint) => string,
): string | undefined {
  if (address?.ip.case === "ipv4") return numberToIpv4(address.ip.value);
  if (address?.ip.case === "ipv6") return formatIpv6((address.ip.value.first << 64n) | address.ip.value.last);
  return undefined;
}

export function encodeNetwork(network: Network): MessageInitShape<typeof IPNetworkSchema> {
  const { bits, family, prefix } = network;
  if (family === 4) return { ip: { ip: { case: "ipv4", value: Number(bits) } }, prefixLen: prefix };
  const value = { first: bits >> 64n, last: bits & 0xffff_ffff_ffff_ffffn };
  return { ip: { ip: { case: "ipv6", value } }, prefixLen: prefix };
}

export function encodeDuration(ms: number): MessageInitShape<typeof DurationSchema> {
  return { seconds: BigInt(Math.floor(ms / 1000)), nanos: Math.round((ms % 1000) * 1e6) };
}

/** An implicit object: it has only a name. */
export function defaultMetadata(name: string): MessageInitShape<typeof MetadataSchema> {
  return { kind: { case: "default", value: name } };
}

/** A Service and port as the object behind a policy. The core group is spelled out on the wire. */
export function serviceMetadata(
  namespace: string,
  name: string,
  port: number,
): MessageInitShape<typeof MetadataSchema> {
  return { kind: { case: "resource", value: { group: "core", kind: "Service", namespace, name, port } } };
}

/** Any other object behind a policy. */
export function resourceMetadata(
  group: string,
  kind: string,
  namespace: string,
  name: string,
): MessageInitShape<typeof MetadataSchema> {
  return { kind: { case: "resource", value: { group, kind, namespace, name } } };
}
