import { writeFileSync } from "node:fs";
import { MeshError, toMeshError } from "../base/error.ts";

const SYSCTL = "/proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close_wait";

/**
 * How long the kernel remembers a redirected connection that one side has closed.
 *
 * @throws MeshError `INIT_BAD_TIMEOUT` or `INIT_SYSCTL_REFUSED`
 */
export function setCloseWaitTimeout(seconds: number, write = writeFileSync): void {
  if (!Number.isInteger(seconds) || seconds < 1) {
    throw new MeshError({
      kind: "usage",
      code: "INIT_BAD_TIMEOUT",
      message: `--timeout-close-wait-secs: ${seconds} is no whole number of seconds`,
      hint: "leave it away to keep the kernel's 60 s",
    });
  }
  try {
    write(SYSCTL, String(seconds));
  } catch (caught) {
    throw toMeshError(caught, {
      kind: "environment",
      code: "INIT_SYSCTL_REFUSED",
      message: `cannot write ${SYSCTL}: ${(caught as Error).message}`,
      hint: "container runtimes mount /proc/sys read-only unless the container is privileged: set securityContext.privileged: true, or drop the timeout",
    });
  }
}
