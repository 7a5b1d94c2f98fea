import { CONTROLLER_NAME, IDENTITY_SERVICE, STATUS_LEASE_NAME, workloadIdentity } from "../base/names.ts";
import { followTrustAnchors } from "../identity/follow-trust-anchors.ts";
import { createCredentials } from "../identity/mesh-credentials.ts";
import { ApiSource } from "../kube/api-source.ts";
import type { SourceEvent } from "../kube/source.ts";
import { Store } from "../kube/store.ts";
import { CheckedObjects } from "./admission/checked-objects.ts";
import { POLICY_REVIEW_PATH, reviewPolicy } from "./admission/policy-review.ts";
import { createEventWriter } from "./event-writer.ts";
import { createCertifyClient } from "./identity/certify-client.ts";
import { ClusterIndex, WATCHED } from "./index/cluster-index.ts";
import { CUSTOM_KINDS } from "./index/custom-kinds.ts";
import { OptionalKinds } from "./index/optional-kinds.ts";
import { Views } from "./index/view.ts";
import { createFileValues } from "./injector/file-values.ts";
import { reviewInjection } from "./injector/inject-review.ts";
import { createNamespaceReader } from "./injector/namespaces.ts";
import { createOwnerResolver } from "./injector/owners.ts";
import { startWebhookServer } from "./injector/webhook-server.ts";
import {
  aborted,
  type ControlProcess,
  createControlRegistry,
  endingTogether,
  OWN_REFRESH,
  readMounted,
} from "./process.ts";
import { readSettings, type SettingsFlags } from "./read-settings.ts";
import { startAdminServer } from "./serve/admin-server.ts";
import { debugState } from "./serve/debug-state.ts";
import { createGrpcMetrics } from "./serve/grpc-metrics.ts";
import { type RunningDiscovery, serveDiscovery } from "./serve-discovery.ts";
import { runLease } from "./status/lease.ts";
import { StatusController } from "./status/status-controller.ts";

export interface ControllerProcess extends ControlProcess, SettingsFlags {
  readonly ports: { readonly destination: number; readonly policy: number; readonly injector: number };
  readonly valuesFile: string;
  readonly tlsDir: string;
  readonly tokenFile: string;
  readonly identity: { readonly host: string; readonly port: number };
  readonly dnsServers: readonly string[];
  /** For the election of the one that writes statuses. */
  readonly podName: string;
}

/**
 * The controller: destination, policy and the injector's webhook over one index of the cluster. Ends with the signal.
 *
 * The injector listens first, since it needs neither certificate nor index; discovery when there is a certificate; `/ready` says
 * yes when the index is filled as well.
 *
 * @throws MeshError `VALUES_INVALID`, `CONTROL_BAD_FLAG`, `LISTEN_FAILED`, `IDENTITY_TRUST_ANCHORS_INVALID`, `INJECTOR_NO_CERTIFICATE`
 */
export function runController(options: ControllerProcess): Promise<void> {
  return endingTogether(options, run);
}

async function run(options: ControllerProcess): Promise<void> {
  const { client, clock, random, log, signal, namespace, trustDomain, listenHost, ports } = options;
  // Says which file is missing and how to name another, before anything else reads it.
  readMounted(options.valuesFile, "--values-file");
  const trustAnchorsPem = readMounted(options.trustRootsFile, "--trust-roots").toString("utf8");
  const values = createFileValues(options.valuesFile, options.trustRootsFile);
  const settings = readSettings(options, values());
  const registry = createControlRegistry(clock);
  const credentials = createCredentials({
    localName: workloadIdentity(CONTROLLER_NAME, namespace, namespace, trustDomain),
    trustAnchorsPem,
    trustAnchorsOrigin: options.trustRootsFile,
    clock,
    random,
    log,
    ...OWN_REFRESH,
    certify: createCertifyClient({
      ...options.identity,
      serverName: workloadIdentity(IDENTITY_SERVICE, namespace, namespace, trustDomain),
      tokenFile: options.tokenFile,
      dnsServers: options.dnsServers,
      clock,
    }),
  });

  const index = new ClusterIndex();
  const stores = WATCHED.map((resource) => ({ resource, store: new Store(index) }));
  const source = new ApiSource({ client, clock, random, log });
  const watching = stores.map(({ resource, store }) =>
    source.run(resource, (event) => store.handle(slim(event)), signal),
  );
  const views = new Views(index.topics, (view, error) =>
    log.error("a change could not be told", { view, error: error.message }),
  );
  const checked = new CheckedObjects(index, log);
  const statuses = new StatusController({
    index,
    views,
    settings,
    client,
    clock,
    log,
    metrics: registry,
    signal,
    versionOf: (group, plural) => optional.versionOf(group, plural),
  });
  const optional = new OptionalKinds({
    kinds: Object.values(CUSTOM_KINDS),
    client,
    source: {
      run: (resource, listener, until) => source.run(resource, (event) => listener(slim(event)), until),
    },
    definitions: new ApiSource({ client, clock, random, log, metadataOnly: true }),
    listener: {
      apply(object) {
        checked.apply(object);
        statuses.applied(object);
      },
      delete(object) {
        checked.delete(object);
        statuses.deleted(object);
      },
    },
    clock,
    log,
    signal,
  });
  const ready = Promise.all([...stores.map(({ store }) => store.ready), optional.ready]).then(() =>
    log.info("index filled"),
  );
  const cached = registry.gauge("cache_size", "Objects that are watched");
  const faulty = registry.gauge("policy_objects_faulty", "Policies and routes with mistakes, by kind");
  registry.onScrape(() => {
    for (const kind of new Set(Object.values(CUSTOM_KINDS).map((each) => each.kind))) {
      faulty.set(checked.counts().get(kind) ?? 0, { kind });
    }
    for (const { resource, store } of stores) cached.set(store.size, { kind: resource.plural });
    for (const { kind, size } of optional.sizes()) cached.set(size, { kind });
  });

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
            Object.fromEntries([
              ...stores.map(({ resource, store }) => [resource.plural, store.size] as const),
              ...[...optional.sizes()].map(({ kind, size }) => [kind, size] as const),
            ]),
          views,
          connections: () => discovery?.connections() ?? {},
        }),
      notReady: () => [
        ...(signal.aborted ? ["stopping"] : []),
        ...(credentials.current() ? [] : ["certificate: none yet"]),
        ...(isServing ? [] : ["discovery: not listening yet"]),
        ...stores.flatMap(({ resource, store }) =>
          store.isReady ? [] : [`${resource.plural}: not listed yet`],
        ),
        ...optional.missing.map((kind) => `${kind}: not listed yet`),
      ],
    });
    stops.push(() => admin.stop());
    const resolveOwner = createOwnerResolver(client);
    const writeEvent = createEventWriter(client, clock, log, "meshctl-injector");
    const readNamespace = createNamespaceReader(client, (name) => index.namespace(name));
    const webhook = await startWebhookServer({
      host: listenHost,
      port: ports.injector,
      tlsDir: options.tlsDir,
      log,
      reviews: {
        [POLICY_REVIEW_PATH]: (request) => reviewPolicy(request, log),
        "/": (request) =>
          reviewInjection(
            {
              values,
              log,
              owner: resolveOwner,
              event: ({ owner, ...event }) => writeEvent({ type: "Normal", object: owner, ...event }),
              namespace: readNamespace,
            },
            request,
          ),
      },
    });
    stops.push(() => webhook.stop());

    void credentials.start(signal);
    void followTrustAnchors(options.trustRootsFile, trustAnchorsPem, credentials, { clock, log, signal });
    await Promise.race([credentials.ready, aborted(signal)]);
    if (signal.aborted) return;
    discovery = await serveDiscovery({
      host: listenHost,
      ports,
      credentials,
      clock,
      log,
      metrics: registry,
      observer: createGrpcMetrics(registry),
      index,
      views,
      settings,
      ready,
    });
    stops.push(() => discovery!.stop());
    isServing = true;
    await Promise.all([aborted(signal), ready.then(() => writeStatuses(statuses, options))]);
  } finally {
    await Promise.allSettled(stops.map((stop) => stop()));
    if (signal.aborted) await Promise.all([...watching, optional.ended]);
  }
}

/** Statuses are written by one of several controllers, and not before its index is filled. */
async function writeStatuses(
  statuses: StatusController,
  { client, clock, random, log, signal, namespace, podName }: ControllerProcess,
): Promise<void> {
  const lease = runLease({
    client,
    clock,
    log,
    signal,
    namespace,
    name: STATUS_LEASE_NAME,
    // Where pods have no host names of their own, the pod's is not enough.
    identity: `${podName}_${Math.floor(random() * 2 ** 32).toString(16)}`,
    onChange: (isHeld) => {
      statuses.isLeader = isHeld;
    },
  });
  await Promise.all([lease, statuses.run()]);
}

/** Without `managedFields`, which is half of many objects and which nobody here reads. */
function slim(event: SourceEvent): SourceEvent {
  if ("object" in event) delete event.object.metadata.managedFields;
  return event;
}
