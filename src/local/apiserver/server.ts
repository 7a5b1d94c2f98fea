import { createServer } from "node:https";
import { isIP } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import type { Clock } from "../../base/clock.ts";
import { MeshError, systemErrorCode } from "../../base/error.ts";
import { joinHostPort } from "../../base/ip.ts";
import type { KubeObject } from "../../base/kube-object.ts";
import type { Logger } from "../../base/log.ts";
import type { ObjectApi, PodBackend, ServiceDialer } from "../object-api.ts";
import { createAdmission } from "./admission/chain.ts";
import { createEscalationCheck } from "./admission/escalation.ts";
import { createNamespaceLifecycle } from "./admission/lifecycle.ts";
import { createServiceAccountAdmission } from "./admission/service-account.ts";
import { createWebhookAdmission } from "./admission/webhooks.ts";
import { openPki } from "./auth/pki.ts";
import { createRbac } from "./auth/rbac.ts";
import { createTokens, ISSUER, type IssuedToken } from "./auth/tokens.ts";
import { bootstrapObjects } from "./bootstrap.ts";
import { followCrds } from "./crd/follow.ts";
import { createDiscovery } from "./discovery.ts";
import { expireEvents } from "./event-expiry.ts";
import { createHandler } from "./handler.ts";
import type { KindHooks } from "./kinds.ts";
import { renderKubeconfig } from "./kubeconfig.ts";
import { createObjectApi } from "./object-access.ts";
import { createOpenApi } from "./openapi.ts";
import { createOperations } from "./operations.ts";
import { createRegistry } from "./registry.ts";
import type { ServerParts } from "./server-parts.ts";
import { createStore, type Store } from "./store.ts";

export interface ApiServerOptions {
  /** State that outlives a start: keys, in `<dir>/pki`. */
  readonly dir: string;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** Name of cluster and context in kubeconfigs. Default `meshctl-dev`. */
  readonly clusterName?: string;
  /** The Kubernetes version that clients are told. Default v1.32.0. */
  readonly gitVersion?: string;
  readonly podBackend?: PodBackend;
  readonly serviceDialer?: ServiceDialer;
  readonly allocateClusterIp?: AllocateClusterIp;
  /** Changes kept for watches, each resource (count). */
  readonly revisionsMax?: number;
  /** Where objects are kept. Default: an empty store of its own. */
  readonly store?: Store;
}

/** An address for a new Service; `wanted` is what its author asks for. @throws MeshError when that is taken or foreign */
export type AllocateClusterIp = (service: KubeObject, wanted: string | undefined) => string;

/** A Kubernetes-shaped API server on a loopback port, and the same objects in process. */
export interface ApiServer {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly objects: ObjectApi;
  readonly caPem: string;
  readonly serviceAccountIssuer: string;
  /** YAML with a client certificate for `user` (default `kubernetes-admin` in group `system:masters`). */
  kubeconfig(user?: string, groups?: readonly string[]): Promise<string>;
  /** @throws MeshError `KUBE_NOT_FOUND` when there is no such ServiceAccount */
  mintToken(
    namespace: string,
    serviceAccount: string,
    audiences: readonly string[],
    expirationSeconds: number,
    boundPod?: { readonly name: string; readonly uid: string; readonly nodeName?: string },
  ): IssuedToken;
  setPodBackend(backend: PodBackend): void;
  setServiceDialer(dialer: ServiceDialer): void;
  setClusterIpAllocator(allocate: AllocateClusterIp): void;
  /** Ends every connection. */
  close(): Promise<void>;
}

/**
 * Starts the API server.
 *
 * @throws MeshError `LOCAL_PORT_IN_USE`, `LOCAL_LISTEN_FAILED`, `LOCAL_PKI_UNREADABLE`
 */
export async function createApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { clock, log } = options;
  const host = options.host ?? "127.0.0.1";
  const clusterName = options.clusterName ?? "meshctl-dev";
  const pki = await openPki(join(options.dir, "pki"), clock.now());
  const store =
    options.store ??
    createStore(options.revisionsMax === undefined ? {} : { revisionsMax: options.revisionsMax });
  const registry = createRegistry();
  const rbac = createRbac(store);
  const tokens = createTokens(pki.tokenKey, store, clock);
  const hooks: { -readonly [K in keyof KindHooks]: KindHooks[K] } = {
    allocateClusterIp: options.allocateClusterIp,
    now: () => clock.now(),
  };
  const serviceAccounts = createServiceAccountAdmission(store, clock);
  const admission = createAdmission([
    createNamespaceLifecycle(store),
    serviceAccounts,
    createWebhookAdmission({ store, clock, log, dialer: () => parts.serviceDialer }),
    // Once more: containers that a webhook added get the token as well.
    serviceAccounts,
    createEscalationCheck(rbac),
  ]);
  const operations = createOperations({ store, clock, admission, hooks });
  const parts: ServerParts = {
    store,
    registry,
    operations,
    rbac,
    tokens,
    reviews: { rbac, tokens, now: () => clock.now() },
    lists: { store, now: () => clock.now() },
    watches: { store, clock },
    discovery: createDiscovery(registry),
    openApi: createOpenApi(registry),
    log,
    gitVersion: options.gitVersion ?? "v1.32.0",
    podBackend: options.podBackend,
    serviceDialer: options.serviceDialer,
  };
  followCrds(store, registry);
  bootstrapObjects(store, clock.now());
  const stopExpiry = expireEvents(store, clock);

  const names = [
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
  ];
  const serving = await pki.serverCertificate([
    ...new Set([...names, "localhost", "127.0.0.1", "::1", ...(isIP(host) ? [host] : [host])]),
  ]);
  const handler = createHandler(parts);
  const server = createServer(
    {
      cert: serving.certPem,
      key: serving.keyPem,
      ca: pki.caPem,
      // Certificates are asked for, not required: tokens are another way in, and some paths are open.
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: ["http/1.1"],
      minVersion: "TLSv1.2",
    },
    (request, response) => handler.request(request, response),
  );
  server.on("upgrade", (request, socket, head) => handler.upgrade(request, socket, head));
  // Watches stay open and clients keep idle connections.
  server.requestTimeout = 0;
  server.headersTimeout = 60_000;
  server.keepAliveTimeout = 180_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(listenError(error, host, options.port)));
    server.listen(options.port, host, () => resolve());
  });
  const address = server.address();
  const port = typeof address === "object" && address ? address.port : options.port;
  const url = `https://${joinHostPort(host, port)}`;
  const upgraded = new Set<Duplex>();
  server.on("upgrade", (_request, socket) => {
    upgraded.add(socket);
    socket.once("close", () => upgraded.delete(socket));
  });

  return {
    url,
    host,
    port,
    objects: createObjectApi(store, registry, operations),
    caPem: pki.caPem,
    serviceAccountIssuer: ISSUER,
    async kubeconfig(
      user = "kubernetes-admin",
      groups = user === "kubernetes-admin" ? ["system:masters"] : [],
    ) {
      const client = await pki.clientCertificate(user, groups);
      return renderKubeconfig({ cluster: clusterName, url, caPem: pki.caPem, user, client });
    },
    mintToken(namespace, serviceAccount, audiences, expirationSeconds, pod) {
      const issued = tokens.mint({
        namespace,
        serviceAccount,
        audiences,
        expirationSeconds,
        ...(pod ? { pod } : {}),
      });
      if (issued) return issued;
      throw new MeshError({
        kind: "environment",
        code: "KUBE_NOT_FOUND",
        message: `serviceaccounts "${serviceAccount}" not found in namespace ${namespace}`,
      });
    },
    setPodBackend: (backend) => {
      parts.podBackend = backend;
    },
    setServiceDialer: (dialer) => {
      parts.serviceDialer = dialer;
    },
    setClusterIpAllocator: (allocate) => {
      hooks.allocateClusterIp = allocate;
    },
    close: () =>
      new Promise((resolve) => {
        stopExpiry();
        server.close(() => resolve());
        server.closeAllConnections();
        for (const socket of upgraded) socket.destroy();
      }),
  };
}

function listenError(error: Error, host: string, port: number): MeshError {
  if (systemErrorCode(error) === "EADDRINUSE") {
    return new MeshError({
      kind: "environment",
      code: "LOCAL_PORT_IN_USE",
      message: `port ${port} of ${host} is in use`,
      hint: "choose another with --api-port, or 0 for a free one",
      cause: error,
    });
  }
  return new MeshError({
    kind: "environment",
    code: "LOCAL_LISTEN_FAILED",
    message: `the local API server cannot listen on ${joinHostPort(host, port)}: ${error.message}`,
    hint: "give it a free port of 1024 or above",
    cause: error,
  });
}
