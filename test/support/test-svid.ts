import { X509Certificate } from "node:crypto";
import { createWorkloadKey } from "../../src/identity/csr.ts";
import type { Svid } from "../../src/identity/svid.ts";
import type { TestMeshCa } from "./test-mesh-ca.ts";

/** A document as SPIRE would send it. @param bundleCas whom the workload shall trust; by default who signs */
export async function issueSvid(
  ca: TestMeshCa,
  spiffeId: string,
  bundleCas: readonly TestMeshCa[] = [ca],
): Promise<Svid> {
  const key = createWorkloadKey();
  const { leafDer, chainDer } = await ca.issue({ names: [spiffeId], key });
  return {
    spiffeId,
    certificatesDer: Buffer.concat([leafDer, ...chainDer]),
    keyDer: key.export({ type: "pkcs8", format: "der" }),
    bundleDer: Buffer.concat(bundleCas.map(({ anchorsPem }) => new X509Certificate(anchorsPem).raw)),
  };
}
