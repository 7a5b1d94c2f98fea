import { SpiffeWorkloadAPI } from "../api/gen/spiffe/workload_pb.js";
import type { Clock } from "../base/clock.ts";
import { type Logger, silentLogger } from "../base/log.ts";
import type { CertificateMaterial, RefreshEvent } from "../identity/mesh-credentials.ts";
import { createSvidCredentials, type SvidCredentials } from "../identity/svid-credentials.ts";
import type { SpireConfig } from "./config.ts";
import { createGrpcClient } from "./control/grpc-client.ts";
import { hasGrpcStatus } from "./control/grpc-status.ts";

export interface SpireOptions extends SpireConfig {
  /** `spiffe://...`. */
  readonly localName: string;
  readonly serverName: string;
  readonly connectTimeoutMs: number;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  readonly onMaterial?: ((material: CertificateMaterial) => void) | undefined;
  readonly onRefresh?: ((event: RefreshEvent) => void) | undefined;
}

/** Agents refuse calls without it, so that a page in a browser cannot make one. */
const METADATA = [["workload.spiffe.io", "true"]] as const;
/** Who is asked, as the request names it: there is one server behind the socket. */
const AUTHORITY = { host: "localhost", port: 0, name: undefined };

/**
 * Credentials by the SPIFFE Workload API of this host, over its Unix socket: the kernel tells the agent which process asks.
 *
 * @see reference: proxy section 7 (SPIRE); https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE_Workload_API.md
 */
export function createSpireCredentials(options: SpireOptions): SvidCredentials {
  return createSvidCredentials({
    ...options,
    async follow(onSvids, signal) {
      // A client each time: it would wait between attempts by itself, and the waits here are configured.
      const client = createGrpcClient({
        ...options,
        address: AUTHORITY,
        socketPath: options.socketPath,
        metadata: METADATA,
        // Its words are those of the control plane's absence; what happens here is told by who follows.
        log: silentLogger,
        resolver: { resolve: async () => [] },
        tlsOptions: () => ({}),
      });
      try {
        await client.stream(
          SpiffeWorkloadAPI.method.fetchX509SVID,
          {},
          {
            signal,
            onMessage: ({ svids }) =>
              onSvids(
                svids.map(({ spiffeId, x509Svid, x509SvidKey, bundle }) => ({
                  spiffeId,
                  certificatesDer: x509Svid,
                  keyDer: x509SvidKey,
                  bundleDer: bundle,
                })),
              ),
          },
        );
      } finally {
        client.close();
      }
    },
    isFinal: (error) => hasGrpcStatus(error, "INVALID_ARGUMENT"),
  });
}
