import type { Socket } from "node:net";
import { MeshError } from "../base/error.ts";
import { bitsToIpv6 } from "../base/ip.ts";
import { fdOf, loadLibc } from "./libc.ts";

export interface OriginalDestination {
  readonly ip: string;
  readonly port: number;
}

/** Asks the kernel where a redirected connection was going. */
export type OriginalDestinationReader = (socket: Socket) => OriginalDestination;

/** From linux/netfilter_ipv4.h and linux/netfilter_ipv6/ip6_tables.h: both SO_ORIGINAL_DST and IP6T_SO_ORIGINAL_DST. */
const SO_ORIGINAL_DST = 80;
const IPPROTO_IP = 0;
const IPPROTO_IPV6 = 41;

/**
 * Loads the foreign function interface and gives a reader. Only transparent capture calls this: koffi is a native
 * module, and where connections are not redirected it is dead weight.
 *
 * @throws MeshError `ORIGINAL_DST_UNAVAILABLE` off Linux or without koffi
 */
export async function loadOriginalDestinationReader(platform: string): Promise<OriginalDestinationReader> {
  if (platform !== "linux") {
    throw new MeshError({
      kind: "environment",
      code: "ORIGINAL_DST_UNAVAILABLE",
      message: `transparent capture needs Linux, and this is ${platform}`,
      hint: "set MESHCTL_PROXY_CAPTURE=explicit",
    });
  }
  const { getsockopt } = await loadLibc();
  return (socket) => {
    const fd = fdOf(socket);
    // A v4 client on a v6 socket is asked at the v4 level first: netfilter recorded it there.
    const isV6 = socket.remoteFamily === "IPv6" && !socket.remoteAddress?.startsWith("::ffff:");
    const address = new Uint8Array(28);
    const size = [isV6 ? 28 : 16];
    const result = getsockopt(fd, isV6 ? IPPROTO_IPV6 : IPPROTO_IP, SO_ORIGINAL_DST, address, size);
    if (result !== 0) {
      throw new MeshError({
        kind: "environment",
        code: "ORIGINAL_DST_UNKNOWN",
        message: `the kernel knows no original destination for the connection from ${socket.remoteAddress}`,
        hint: "connections must be redirected to this port by `meshctl proxy-init`; for others set MESHCTL_PROXY_CAPTURE=explicit",
      });
    }
    return parseSockaddr(Buffer.from(address.buffer), isV6);
  };
}

/** `struct sockaddr_in` or `sockaddr_in6`: family(2, host order), port(2, network order), then the address at 4 or 8. */
export function parseSockaddr(bytes: Buffer, isV6: boolean): OriginalDestination {
  const port = bytes.readUInt16BE(2);
  if (!isV6) return { ip: bytes.subarray(4, 8).join("."), port };
  const bits = (bytes.readBigUInt64BE(8) << 64n) | bytes.readBigUInt64BE(16);
  return { ip: bitsToIpv6(bits), port };
}
