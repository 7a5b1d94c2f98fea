import type { Socket } from "node:net";
import { MeshError } from "../base/error.ts";

/** The two calls of the C library that Node has no word for. Both return 0, or -1. */
export interface Libc {
  getsockopt(fd: number, level: number, option: number, value: Uint8Array, size: number[]): number;
  setsockopt(fd: number, level: number, option: number, value: Uint8Array, size: number): number;
}

/** Loads the foreign function interface (koffi, a native module): only who needs one of the calls pays for it. */
export async function loadLibc(): Promise<Libc> {
  const { default: koffi } = await import("koffi");
  // musl and glibc both answer to the process's own symbols, so no library name has to be guessed.
  const library = koffi.load(null);
  return {
    getsockopt: library.func("int getsockopt(int, int, int, _Out_ uint8_t *, _Inout_ uint32_t *)"),
    setsockopt: library.func("int setsockopt(int, int, int, const uint8_t *, uint32_t)"),
  };
}

/** @returns undefined where the C library has no such call (musl), or foreign functions cannot be loaded */
export async function tryLoadMallocTrim(): Promise<((keepBytes: number) => number) | undefined> {
  try {
    const { default: koffi } = await import("koffi");
    return koffi.load(null).func("int malloc_trim(size_t)");
  } catch {
    // Whoever asked does without: nothing depends on it.
    return undefined;
  }
}

/** Node has no public way to a socket's descriptor; the handle's `fd` has been there since 0.x. @returns undefined when it is closed */
export function tryFdOf(socket: Socket): number | undefined {
  const fd = (socket as unknown as { _handle?: { fd?: number } | null })._handle?.fd;
  return fd === undefined || fd < 0 ? undefined : fd;
}

/** @throws MeshError `ORIGINAL_DST_NO_FD` */
export function fdOf(socket: Socket): number {
  const fd = tryFdOf(socket);
  if (fd !== undefined) return fd;
  throw new MeshError({
    kind: "bug",
    code: "ORIGINAL_DST_NO_FD",
    message: "the accepted socket has no file descriptor",
  });
}
