import { readTrustAnchorsFile } from "../identity/follow-trust-anchors.ts";
import type { ProxyConfig } from "./config.ts";

/** The anchors to begin with. @throws MeshError `IDENTITY_TRUST_ANCHORS_UNREADABLE` */
export async function readTrustAnchors({
  trustAnchorsPem,
  trustAnchorsFile,
}: ProxyConfig["identity"]): Promise<string> {
  return trustAnchorsFile === undefined ? trustAnchorsPem : await readTrustAnchorsFile(trustAnchorsFile);
}
