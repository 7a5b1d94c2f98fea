import { type KeyObject, X509Certificate } from "node:crypto";
import type { SecureContext } from "node:tls";
import { Backoff } from "../base/backoff.ts";
import type { Clock, Timer } from "../base/clock.ts";
import { MeshError, toMeshError } from "../base/error.ts";
import type { Logger } from "../base/log.ts";
import { checkChain, parseTrustBundle, validity } from "./certificates.ts";
import type { Credentials } from "./credentials.ts";
import { createCertificateRequest, createWorkloadKey } from "./csr.ts";
import { createMeshContext } from "./mesh-tls.ts";

export interface CertifyRequest {
  readonly identity: string;
  /** PKCS#10, DER. */
  readonly requestDer: Buffer;
}

export interface CertifyAnswer {
  readonly leafDer: Uint8Array;
  /** From the leaf's issuer towards the root. */
  readonly intermediatesDer: readonly Uint8Array[];
  readonly validUntilMs: number;
  /** The mesh's trust anchors of now, PEM; absent where the identity service does not say. */
  readonly trustAnchorsPem?: string | undefined;
}

/** A certificate as it can be handed to another thread. */
export interface CertificateMaterial {
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly trustAnchorsPem: string;
  readonly expiresAtMs: number;
}

export interface CredentialsOptions {
  readonly localName: string;
  readonly trustAnchorsPem: string;
  /** Where the anchors come from, for messages. */
  readonly trustAnchorsOrigin: string;
  /** Asks the identity service; `credentials` is what may authenticate the call (no certificate at first). */
  readonly certify: (request: CertifyRequest, credentials: MeshCredentials) => Promise<CertifyAnswer>;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  /** Bounds of the wait between two certificates, ms. */
  readonly minRefreshMs: number;
  readonly maxRefreshMs: number;
  /** Told of each change of certificate or anchors, for threads that share them. */
  readonly onMaterial?: ((material: CertificateMaterial) => void) | undefined;
  /** Told of each installed certificate and each failure; for metrics. */
  readonly onRefresh?: ((event: RefreshEvent) => void) | undefined;
}

export type RefreshEvent =
  | { readonly kind: "installed"; readonly expiresAtMs: number }
  | { readonly kind: "failed"; readonly error: MeshError };

export interface MeshCredentials extends Credentials {
  /** The mesh's TLS without a certificate: enough to ask for the first one. */
  readonly anonymous: SecureContext;
  /**
   * What to ask for a certificate with: the present one while it is surely good. One that has ended, here or by the other side's
   * clock, would be refused, and with it every chance of a new one; the token says who asks.
   */
  readonly asking: SecureContext;
  /**
   * Replaces the trust anchors for connections to come. The certificate stays, whether or not it leads to one of them: others may
   * trust it still, and the next comes as planned.
   *
   * @throws MeshError `IDENTITY_TRUST_ANCHORS_INVALID`; the old ones then stay
   */
  trust(trustAnchorsPem: string): void;
  /** Asks for certificates until the signal aborts. Never rejects: failures are logged and tried again. */
  start(signal: AbortSignal): Promise<void>;
}

/** First wait after a failure while there is no certificate; doubles up to the minimum refresh. */
const FIRST_RETRY_MS = 250;
const RETRY_JITTER_RATIO = 0.1;
/** Part of a certificate's remaining life after which the next is asked for. */
const REFRESH_AT = 0.7;
/**
 * How often the wall clock is looked at between two certificates, ms. A machine that slept, or whose clock was set, has older
 * certificates than its timers know.
 */
const LOOK_MS = 30_000;

/**
 * The certificate of this process, kept fresh.
 *
 * ```
 *   absent --certified--> live --70 % of its life--> asking --certified--> live
 *     ^  |                                             |  failed: the old certificate stays,
 *     +--+ failed: 250 ms, doubling                    +-> wait 70 % of what it has left
 *          up to minRefreshMs
 * ```
 *
 * A renewal replaces the contexts for connections to come; those that are open keep theirs. Each request has a new key, which never leaves memory.
 *
 * Trust anchors arrive with the certificates, over a connection that the anchors of before vouch for, or from whoever calls `trust`:
 * so the root of a mesh is exchanged by adding the new one, waiting until everybody has renewed, and taking the old one away.
 *
 * @see reference: proxy section 7. The quick first retries are ours: a proxy and its identity service often start together
 * @throws MeshError `IDENTITY_TRUST_ANCHORS_INVALID`
 */
export function createCredentials(options: CredentialsOptions): MeshCredentials {
  const { localName, clock, log } = options;
  let { trustAnchorsPem } = options;
  let anchors = parseTrustBundle(trustAnchorsPem, options.trustAnchorsOrigin);
  let anonymous = createMeshContext({ trustAnchorsPem });
  const ready = Promise.withResolvers<void>();
  let current: ReturnType<Credentials["current"]>;
  let hasFailed = false;
  let own: { readonly certificatePem: string; readonly keyPem: string } | undefined;

  /** Takes other anchors, if they are others; contexts that exist are made anew by the caller. */
  const replaceAnchors = (pem: string, origin: string): boolean => {
    if (pem === trustAnchorsPem) return false;
    anchors = parseTrustBundle(pem, origin);
    trustAnchorsPem = pem;
    anonymous = createMeshContext({ trustAnchorsPem });
    log.info("trust anchors replaced", { count: anchors.length, origin });
    return true;
  };

  const install = (answer: CertifyAnswer, key: KeyObject): number => {
    const leaf = parseDer(answer.leafDer, "leaf");
    const intermediates = answer.intermediatesDer.map((der) => parseDer(der, "intermediate"));
    const answered = answer.trustAnchorsPem;
    checkChain({
      leaf,
      intermediates,
      anchors: answered ? parseTrustBundle(answered, "the identity service's answer") : anchors,
      name: localName,
      nowMs: clock.now(),
    });
    if (!leaf.checkPrivateKey(key))
      throw badAnswer("the certificate is for another key than the one in the request");
    const expiresAtMs = Math.min(answer.validUntilMs, validity(leaf).untilMs);
    if (!(expiresAtMs > clock.now())) {
      throw badAnswer(`the certificate ended at ${new Date(expiresAtMs).toISOString()}, which is past`);
    }
    if (answered) replaceAnchors(answered, "identity service");
    own = {
      certificatePem: [leaf, ...intermediates].map(String).join(""),
      keyPem: key.export({ type: "pkcs8", format: "pem" }) as string,
    };
    const context = createMeshContext({ trustAnchorsPem, identity: own });
    current = { client: context, server: context, expiresAtMs };
    options.onMaterial?.({ ...own, trustAnchorsPem, expiresAtMs });
    return expiresAtMs;
  };

  const refresh = async (): Promise<boolean> => {
    try {
      const key = createWorkloadKey();
      const requestDer = createCertificateRequest(localName, key);
      const answer = await options.certify({ identity: localName, requestDer }, credentials);
      const expiresAtMs = install(answer, key);
      log.info("certificate installed", {
        identity: localName,
        expires: new Date(expiresAtMs).toISOString(),
      });
      options.onRefresh?.({ kind: "installed", expiresAtMs });
      ready.resolve();
      hasFailed = false;
      return true;
    } catch (caught) {
      hasFailed = true;
      const error = toMeshError(caught);
      log.warn("no certificate from the identity service", {
        code: error.code,
        error: error.message,
        hint: error.hint,
      });
      options.onRefresh?.({ kind: "failed", error });
      return false;
    }
  };

  const firstRetry = new Backoff({
    minMs: Math.min(FIRST_RETRY_MS, options.minRefreshMs),
    maxMs: options.minRefreshMs,
    jitterRatio: RETRY_JITTER_RATIO,
    random: options.random,
  });

  /** How long to wait now. With a dead certificate the wait is the minimum. */
  const waitMs = (): number => {
    if (!current) return firstRetry.nextMs();
    const remainingMs = current.expiresAtMs - clock.now();
    return Math.min(options.maxRefreshMs, Math.max(options.minRefreshMs, REFRESH_AT * remainingMs));
  };

  const credentials: MeshCredentials = {
    localName,
    get anonymous() {
      return anonymous;
    },
    get asking() {
      return current && !hasFailed && current.expiresAtMs > clock.now() ? current.client : anonymous;
    },
    ready: ready.promise,
    current: () => current,
    trust(pem) {
      if (!replaceAnchors(pem, options.trustAnchorsOrigin) || !current || !own) return;
      const context = createMeshContext({ trustAnchorsPem, identity: own });
      const { expiresAtMs } = current;
      current = { client: context, server: context, expiresAtMs };
      options.onMaterial?.({ ...own, trustAnchorsPem, expiresAtMs });
    },
    async start(signal) {
      while (!signal.aborted) {
        await refresh();
        await sleepByBothClocks(clock, waitMs(), signal);
      }
    },
  };
  return credentials;
}

/** Resolves when the time has passed by the wall clock or by the monotonic one, whichever is first, or the signal aborts. */
function sleepByBothClocks(clock: Clock, waitMs: number, signal: AbortSignal): Promise<void> {
  const dueAtMs = clock.now() + waitMs;
  const dueMonotonicMs = clock.monotonic() + waitMs;
  return new Promise((resolve) => {
    let timer: Timer | undefined;
    const end = () => {
      timer?.cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const look = () => {
      const leftMs = Math.min(dueAtMs - clock.now(), dueMonotonicMs - clock.monotonic());
      if (leftMs <= 0 || signal.aborted) end();
      else timer = clock.schedule(Math.min(leftMs, LOOK_MS), look);
    };
    signal.addEventListener("abort", end);
    look();
  });
}

function parseDer(der: Uint8Array, role: string): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch (cause) {
    throw badAnswer(`the ${role} certificate cannot be read (${der.length} bytes; DER is expected)`, cause);
  }
}

function badAnswer(message: string, cause?: unknown): MeshError {
  return new MeshError({ kind: "environment", code: "IDENTITY_BAD_ANSWER", message, cause });
}
