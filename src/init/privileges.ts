import { MeshError } from "../base/error.ts";

/** Numbers of linux/capability.h. */
const CAPABILITIES = { NET_ADMIN: 12, NET_RAW: 13 } as const;
export type Capability = keyof typeof CAPABILITIES;

/**
 * Fails before anything is tried when this process may not write rules: what the programs say then ("cache initialization
 * failed") tells nobody what to do.
 *
 * @param status the text of /proc/self/status
 * @throws MeshError `INIT_NO_CAPABILITY`
 */
export function requireCapabilities(status: string, wanted: readonly Capability[]): void {
  const missing = wanted.filter((name) => !isEffective(status, name));
  if (missing.length === 0) return;
  const uid = /^Uid:\s+\d+\s+(\d+)/m.exec(status)?.[1] ?? "unknown";
  throw new MeshError({
    kind: "environment",
    code: "INIT_NO_CAPABILITY",
    message: `writing redirect rules needs ${missing.join(" and ")}, which this process (user ${uid}) does not have`,
    hint:
      `give the container securityContext.capabilities.add: [${wanted.join(", ")}]` +
      (uid === "0" ? "" : " and runAsUser: 0; container runtimes give added capabilities to root alone"),
  });
}

function isEffective(status: string, name: Capability): boolean {
  const mask = /^CapEff:\s+([0-9a-f]+)/m.exec(status)?.[1];
  if (mask === undefined) return false;
  return ((BigInt(`0x${mask}`) >> BigInt(CAPABILITIES[name])) & 1n) === 1n;
}
