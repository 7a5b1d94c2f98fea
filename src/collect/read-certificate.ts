import { connect as connectTls } from "node:tls";
import { CONTROL_PLANE_NS_LABEL, INBOUND_PORT, workloadIdentity } from "../base/names.ts";
import type { KubeClient } from "../kube/client.ts";
import type { PodFacts } from "../observe/workload.ts";

/** Time for a handshake, milliseconds. */
const HANDSHAKE_MS_MAX = 10_000;
/** Protocol between proxies: a hello that offers it is the proxy's own, whatever the pod listens on. */
const TRANSPORT_ALPN = "transport.l5d.io/v1";

/**
 * The certificates that a pod's proxy shows to its clients, leaf first, authorities left out. Nothing is verified: a certificate that is
 * wrong is what one wants to see.
 *
 * @returns DER of each
 */
export async function readCertificates(
  kube: KubeClient,
  pod: PodFacts,
  trustDomain: string,
  signal: AbortSignal,
): Promise<readonly Buffer[]> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(HANDSHAKE_MS_MAX)]);
  const connection = await kube.portForward(pod.namespace, pod.name, INBOUND_PORT, deadline);
  const controlPlane = pod.labels[CONTROL_PLANE_NS_LABEL] ?? "";
  const socket = connectTls({
    socket: connection,
    servername: workloadIdentity(pod.serviceAccount, pod.namespace, controlPlane, trustDomain),
    ALPNProtocols: [TRANSPORT_ALPN],
    rejectUnauthorized: false,
  });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("secureConnect", resolve);
      socket.once("error", reject);
      socket.once("close", () => reject(new Error("the proxy hung up")));
      deadline.addEventListener("abort", () => reject(deadline.reason), { once: true });
    });
    return chainOf(socket.getPeerCertificate(true));
  } finally {
    socket.destroy();
    connection.destroy();
  }
}

type Peer = ReturnType<ReturnType<typeof connectTls>["getPeerCertificate"]> & {
  issuerCertificate?: Peer;
};

function chainOf(leaf: Peer): Buffer[] {
  const chain: Buffer[] = [];
  const seen = new Set<string>();
  for (let at: Peer | undefined = leaf; at?.raw && !seen.has(at.fingerprint256); at = at.issuerCertificate) {
    seen.add(at.fingerprint256);
    if (!at.ca) chain.push(at.raw);
  }
  return chain;
}
