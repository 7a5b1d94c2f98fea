import { Backoff, type BackoffOptions } from "../base/backoff.ts";
import { type Clock, sleep } from "../base/clock.ts";
import { MeshError, toMeshError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import type { Credentials } from "./credentials.ts";
import type { CertificateMaterial, RefreshEvent } from "./mesh-credentials.ts";
import { createMeshContext } from "./mesh-tls.ts";
import { readSvid, type Svid } from "./svid.ts";

export interface SvidCredentialsOptions {
  /** `spiffe://...`: which of the workload's documents is this proxy's. */
  readonly localName: string;
  readonly serverName: string;
  /** Follows the Workload API: resolves when the server ends the stream. */
  readonly follow: (onSvids: (svids: readonly Svid[]) => void, signal: AbortSignal) => Promise<void>;
  /** Whether an error of `follow` would only come again. */
  readonly isFinal: (error: unknown) => boolean;
  readonly backoff: Omit<BackoffOptions, "random">;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  readonly onMaterial?: ((material: CertificateMaterial) => void) | undefined;
  readonly onRefresh?: ((event: RefreshEvent) => void) | undefined;
}

export interface SvidCredentials extends Credentials {
  /** Follows the stream until the signal aborts. Never rejects. */
  start(signal: AbortSignal): Promise<void>;
}

/**
 * The certificate of a workload that SPIRE knows, kept fresh by the stream on which SPIRE sends it.
 *
 * ```
 *   following --message with our id--> live: what comes next replaces it, trust anchors too
 *     ^  |  stream over: back-off; a message resets it
 *     +--+  InvalidArgument: over, since the question would stay as it is
 * ```
 *
 * A message without our id, or one that cannot be used, leaves what is there as it is.
 */
export function createSvidCredentials(options: SvidCredentialsOptions): SvidCredentials {
  const { localName, clock, log } = options;
  const ready = Promise.withResolvers<void>();
  const backoff = new Backoff({ ...options.backoff, random: options.random });
  let current: ReturnType<Credentials["current"]>;

  const failed = (caught: unknown): void => {
    const error = toMeshError(caught);
    log.warn("no certificate from the Workload API", {
      code: error.code,
      error: error.message,
      hint: error.hint,
    });
    options.onRefresh?.({ kind: "failed", error });
  };

  const receive = (svids: readonly Svid[]): void => {
    backoff.reset();
    try {
      const own = svids.find(({ spiffeId }) => spiffeId === localName);
      if (!own) throw notOurs(svids, localName);
      const material = readSvid(own, clock.now());
      const { trustAnchorsPem, expiresAtMs } = material;
      const context = createMeshContext({ trustAnchorsPem, identity: material });
      current = { client: context, server: context, expiresAtMs };
      log.info("certificate installed", {
        identity: localName,
        expires: new Date(expiresAtMs).toISOString(),
      });
      options.onMaterial?.(material);
      options.onRefresh?.({ kind: "installed", expiresAtMs });
      ready.resolve();
    } catch (caught) {
      failed(caught);
    }
  };

  return {
    localName,
    serverName: options.serverName,
    ready: ready.promise,
    current: () => current,
    async start(signal) {
      while (!signal.aborted) {
        try {
          await options.follow(receive, signal);
          log.debug("the Workload API ended the stream");
        } catch (caught) {
          if (signal.aborted) return;
          failed(caught);
          if (options.isFinal(caught)) {
            log.error("the Workload API does not take our question; it is not asked again");
            return;
          }
        }
        await sleep(clock, backoff.nextMs(), signal).catch(() => {});
      }
    },
  };
}

function notOurs(svids: readonly Svid[], localName: string): MeshError {
  const named = svids.map(({ spiffeId }) => spiffeId).join(", ") || "nobody";
  return new MeshError({
    kind: "environment",
    code: "IDENTITY_SVID_MISSING",
    message: `the Workload API has certificates for ${named}, not for ${localName}`,
    hint: "compare MESHCTL_PROXY_IDENTITY_SERVER_ID with `spire-server entry show`",
  });
}
