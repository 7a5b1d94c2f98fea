import { MeshError } from "../../base/error.ts";
import { IDENTITY_SERVICE, workloadIdentity } from "../../base/names.ts";
import { followTrustAnchors } from "../../identity/follow-trust-anchors.ts";
import { createCredentials } from "../../identity/mesh-credentials.ts";
import { createEventWriter } from "../event-writer.ts";
import {
  aborted,
  type ControlProcess,
  createControlRegistry,
  endingTogether,
  OWN_REFRESH,
  readMounted,
  STOP_GRACE_MS,
} from "../process.ts";
import { startAdminServer } from "../serve/admin-server.ts";
import { createGrpcMetrics } from "../serve/grpc-metrics.ts";
import { startMeshGrpcServer } from "../serve/mesh-grpc-server.ts";
import { createIdentityEvents } from "./identity-events.ts";
import { identityMethods } from "./identity-methods.ts";
import { IssuerFiles } from "./issuer-files.ts";
import { certifyByIssuer } from "./own-certificate.ts";
import { createTokenReviewer, mayReviewTokens } from "./token-review.ts";

export interface IdentityProcess extends ControlProcess {
  readonly port: number;
  readonly issuerDir: string;
  readonly lifetimeMs: number;
  readonly skewMs: number;
}

/**
 * The identity service: alone with the issuer's key. It signs its own certificate first, then those of who proves by token to be
 * a service account. Ends with the signal.
 *
 * @throws MeshError `IDENTITY_FORBIDDEN` when it may not review tokens; `IDENTITY_TRUST_ANCHORS_INVALID`; `LISTEN_FAILED`
 */
export function runIdentity(options: IdentityProcess): Promise<void> {
  return endingTogether(options, run);
}

async function run(options: IdentityProcess): Promise<void> {
  const { client, clock, random, log, signal, namespace, trustDomain, lifetimeMs, skewMs } = options;
  const registry = createControlRegistry(clock);
  const events = createIdentityEvents(createEventWriter(client, clock, log, IDENTITY_SERVICE), namespace);
  const issuer = new IssuerFiles({
    events,
    issuerDir: options.issuerDir,
    trustRootsFile: options.trustRootsFile,
    clock,
    log,
  });
  const trustAnchorsPem = readMounted(options.trustRootsFile, "--trust-roots").toString("utf8");
  const localName = workloadIdentity(IDENTITY_SERVICE, namespace, namespace, trustDomain);
  const credentials = createCredentials({
    localName,
    trustAnchorsPem,
    trustAnchorsOrigin: options.trustRootsFile,
    clock,
    random,
    log,
    ...OWN_REFRESH,
    certify: certifyByIssuer(issuer, { clock, lifetimeMs, skewMs }),
  });
  const issuerTtl = registry.gauge("issuer_cert_ttl_seconds", "Time until the issuer's certificate ends");
  registry.onScrape(() => {
    if (issuer.expiresAtMs !== undefined) issuerTtl.set((issuer.expiresAtMs - clock.now()) / 1000);
  });
  let problem: string | undefined = "tokenreviews: not asked yet";
  const stops: (() => Promise<void>)[] = [];
  let refreshing: Promise<unknown> | undefined;
  try {
    const admin = await startAdminServer({
      host: options.listenHost,
      port: options.adminPort,
      ownNetworks: options.ownNetworks,
      metrics: registry,
      notReady: () => [
        ...(credentials.current() ? [] : ["certificate: none yet"]),
        ...(problem === undefined ? [] : [problem]),
      ],
    });
    stops.push(() => admin.stop());
    refreshing = Promise.all([
      credentials.start(signal),
      followTrustAnchors(options.trustRootsFile, trustAnchorsPem, credentials, { clock, log, signal }),
    ]);
    await Promise.race([credentials.ready, aborted(signal)]);
    if (signal.aborted) return;
    const server = await startMeshGrpcServer({
      host: options.listenHost,
      port: options.port,
      name: "identity",
      credentials,
      clock,
      log,
      observer: createGrpcMetrics(registry),
      methods: identityMethods({
        issuer: () => issuer.current(),
        reviewToken: createTokenReviewer(client),
        namespace,
        trustDomain,
        lifetimeMs,
        skewMs,
        clock,
        log,
        events,
      }),
    });
    stops.push(() => server.stop(STOP_GRACE_MS));
    await assertMayReview(options);
    problem = undefined;
    await aborted(signal);
  } finally {
    problem = "stopping";
    // The port of `/ready` goes last, so that it can say so.
    for (const stop of stops.reverse()) await stop();
    if (signal.aborted) await refreshing;
  }
}

/** Without that permission every certificate would be refused: better not to run than to look as if. */
async function assertMayReview({ client, log }: IdentityProcess): Promise<void> {
  let allowed: boolean | undefined;
  try {
    allowed = await mayReviewTokens(client);
  } catch (error) {
    // The permission itself is not in doubt, only the question could not be put.
    log.warn("cannot ask whether tokens may be reviewed", { error: (error as Error).message });
    return;
  }
  if (allowed !== false) return;
  throw new MeshError({
    kind: "environment",
    code: "IDENTITY_FORBIDDEN",
    message: "identity may not create tokenreviews.authentication.k8s.io",
    hint: "apply the control plane's ClusterRole and binding again: meshctl install --skip-crds | kubectl apply -f -",
  });
}
