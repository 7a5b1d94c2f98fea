import { CONTROLLER_NAME, IDENTITY_SERVICE, workloadIdentity } from "../../base/names.ts";
import type { Credentials } from "../../identity/credentials.ts";
import { followTrustAnchors } from "../../identity/follow-trust-anchors.ts";
import { createCredentials } from "../../identity/mesh-credentials.ts";
import { DirectorySource } from "../../kube/directory-source.ts";
import type { ResourceRef } from "../../kube/source.ts";
import { Store } from "../../kube/store.ts";
import { defaultValues } from "../../values/defaults.ts";
import { CheckedObjects } from "../admission/checked-objects.ts";
import { NO_IDENTITY_EVENTS } from "../identity/identity-events.ts";
import { identityMethods } from "../identity/identity-methods.ts";
import { IssuerFiles } from "../identity/issuer-files.ts";
import { certifyByIssuer } from "../identity/own-certificate.ts";
import { createOwnTokenReviewer } from "../identity/own-tokens.ts";
import { ClusterIndex, WATCHED } from "../index/cluster-index.ts";
import { CUSTOM_KINDS } from "../index/custom-kinds.ts";
import { Views } from "../index/view.ts";
import {
  aborted,
  type ControlProcess,
  createControlRegistry,
  endingTogether,
  OWN_REFRESH,
  readMounted,
  STOP_GRACE_MS,
} from "../process.ts";
import { readSettings, type SettingsFlags } from "../read-settings.ts";
import { startAdminServer } from "../serve/admin-server.ts";
import { debugState } from "../serve/debug-state.ts";
import { createGrpcMetrics } from "../serve/grpc-metrics.ts";
import { startMeshGrpcServer } from "../serve/mesh-grpc-server.ts";
import { type RunningDiscovery, serveDiscovery } from "../serve-discovery.ts";
import type { StateDir } from "./state-dir.ts";

export interface StandaloneProcess extends Omit<ControlProcess, "client" | "trustRootsFile">, SettingsFlags {
  /** Objects, as YAML. */
  readonly directory: string;
  readonly state: StateDir;
  readonly ports: { readonly identity: number; readonly destination: number; readonly policy: number };
  readonly lifetimeMs: number;
  readonly skewMs: number;
}

/**
 * Identity, destination and policy in one process, over a directory of YAML: a mesh without Kubernetes. Ends with the signal.
 *
 *     files -> DirectorySource -> stores -> index -> views -> streams       (as in the controller)
 *     state -> issuer, token key -> identity; it certifies this process, too
 *
 * Nothing is written but the state: there is nobody who would read a status.
 *
 * @throws MeshError `SOURCE_UNREADABLE`, `CONTROL_BAD_FLAG`, `LISTEN_FAILED`, `IDENTITY_TRUST_ANCHORS_INVALID`
 */
export function runStandalone(options: StandaloneProcess): Promise<void> {
  return endingTogether(options, run);
}

async function run(options: StandaloneProcess): Promise<void> {
  const { clock, log, signal, namespace, trustDomain, listenHost, state, lifetimeMs, skewMs } = options;
  const registry = createControlRegistry(clock);
  const settings = readSettings(options, defaultValues(""));
  const index = new ClusterIndex();
  const views = new Views(index.topics, (view, error) =>
    log.error("a change could not be told", { view, error: error.message }),
  );
  const checked = new CheckedObjects(index, log);
  const source = new DirectorySource({ directory: options.directory, clock, log });
  const stores: { readonly resource: ResourceRef; readonly store: Store }[] = [
    // No server has looked at their shape, either.
    ...WATCHED.map((resource) => ({ resource, store: new Store(checked) })),
    ...Object.values(CUSTOM_KINDS).map((kind) => ({
      resource: { ...kind, version: kind.versions[0] },
      store: new Store(checked),
    })),
  ];
  const watching = stores.map(({ resource, store }) =>
    source.run(resource, (event) => store.handle(event), signal),
  );
  // Its first look is over when `run` returns; what is wrong with the directory is told here.
  await Promise.race([Promise.all(watching), Promise.all(stores.map(({ store }) => store.ready))]);
  const cached = registry.gauge("cache_size", "Objects that are read");
  registry.onScrape(() => {
    for (const { resource, store } of stores) {
      cached.set(store.size, { kind: nameOf(resource) });
    }
  });

  const issuer = new IssuerFiles({
    issuerDir: state.issuerDir,
    trustRootsFile: state.trustRootsFile,
    clock,
    log,
    events: NO_IDENTITY_EVENTS,
  });
  const credentialsOf = (account: string) => createOwnCredentials(options, issuer, account);
  const identity = credentialsOf(IDENTITY_SERVICE);
  const controller = credentialsOf(CONTROLLER_NAME);
  let isServing = false;
  let discovery: RunningDiscovery | undefined;
  const stops: (() => Promise<void>)[] = [];
  try {
    const admin = await startAdminServer({
      host: listenHost,
      port: options.adminPort,
      ownNetworks: options.ownNetworks,
      metrics: registry,
      debugState: () =>
        debugState({
          objects: () =>
            Object.fromEntries(stores.map(({ resource, store }) => [nameOf(resource), store.size])),
          views,
          connections: () => discovery?.connections() ?? {},
        }),
      notReady: () => [
        ...(signal.aborted ? ["stopping"] : []),
        ...(identity.current() && controller.current() ? [] : ["certificate: none yet"]),
        ...(isServing ? [] : ["discovery: not listening yet"]),
      ],
    });
    stops.push(() => admin.stop());
    await Promise.race([Promise.all([identity.ready, controller.ready]), aborted(signal)]);
    if (signal.aborted) return;
    const observer = createGrpcMetrics(registry);
    const shared = { host: listenHost, clock, log, observer };
    const server = await startMeshGrpcServer({
      ...shared,
      name: "identity",
      port: options.ports.identity,
      credentials: identity,
      methods: identityMethods({
        issuer: () => issuer.current(),
        reviewToken: createOwnTokenReviewer(state.tokenKey, clock),
        namespace,
        trustDomain,
        lifetimeMs,
        skewMs,
        clock,
        log,
        events: NO_IDENTITY_EVENTS,
      }),
    });
    stops.push(() => server.stop(STOP_GRACE_MS));
    discovery = await serveDiscovery({
      ...shared,
      ports: options.ports,
      credentials: controller,
      metrics: registry,
      index,
      views,
      settings,
      ready: Promise.resolve(),
    });
    stops.push(() => discovery!.stop());
    isServing = true;
    await aborted(signal);
  } finally {
    await Promise.allSettled(stops.map((stop) => stop()));
    if (signal.aborted) await Promise.all(watching);
  }
}

/** This process needs nobody's word for who it is: the issuer is its own. */
function createOwnCredentials(options: StandaloneProcess, issuer: IssuerFiles, account: string): Credentials {
  const { clock, random, log, signal, namespace, trustDomain, state, lifetimeMs, skewMs } = options;
  const trustAnchorsPem = readMounted(state.trustRootsFile, "--state").toString("utf8");
  const credentials = createCredentials({
    localName: workloadIdentity(account, namespace, namespace, trustDomain),
    trustAnchorsPem,
    trustAnchorsOrigin: state.trustRootsFile,
    clock,
    random,
    log,
    ...OWN_REFRESH,
    certify: certifyByIssuer(issuer, { clock, lifetimeMs, skewMs }),
  });
  void credentials.start(signal);
  void followTrustAnchors(state.trustRootsFile, trustAnchorsPem, credentials, { clock, log, signal });
  return credentials;
}

function nameOf({ group, plural }: ResourceRef): string {
  return group === "" ? plural : `${plural}.${group}`;
}
