import { readFile } from "node:fs/promises";
import { type Clock, sleep } from "../base/clock.ts";
import { MeshError, systemErrorCode, toMeshError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import type { MeshCredentials } from "./mesh-credentials.ts";

/** How often a file of trust anchors is looked at, ms: the kubelet takes about a minute to bring a change in any case. */
const LOOK_MS = 10_000;

/**
 * Follows a file of trust anchors until the signal aborts. One that cannot be read, or holds no certificates, is reported once and
 * changes nothing.
 */
export async function followTrustAnchors(
  path: string,
  first: string,
  credentials: Pick<MeshCredentials, "trust">,
  { clock, log, signal }: { readonly clock: Clock; readonly log: Logger; readonly signal: AbortSignal },
): Promise<void> {
  let seen = first;
  let problem = "";
  while (!signal.aborted) {
    // Rejects only because the signal aborted, which ends the loop.
    await sleep(clock, LOOK_MS, signal).catch(() => {});
    if (signal.aborted) return;
    try {
      const pem = await readTrustAnchorsFile(path);
      if (pem === seen) continue;
      seen = pem;
      credentials.trust(pem);
      problem = "";
    } catch (caught) {
      const { message } = toMeshError(caught);
      if (message !== problem) log.warn("trust anchors are not replaced", { error: message });
      problem = message;
    }
  }
}

/** @throws MeshError `IDENTITY_TRUST_ANCHORS_UNREADABLE` */
export async function readTrustAnchorsFile(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new MeshError({
      kind: "environment",
      code: "IDENTITY_TRUST_ANCHORS_UNREADABLE",
      message: `the trust anchors ${path} cannot be read (${systemErrorCode(cause) ?? "unknown"})`,
      hint: "mount the ConfigMap with the anchors, or set MESHCTL_PROXY_IDENTITY_TRUST_ANCHORS",
      cause,
    });
  }
}
