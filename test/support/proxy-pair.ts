import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Destination, type UpdateSchema } from "../../src/api/gen/io/linkerd/proxy/destination_pb.js";
import { Identity } from "../../src/api/gen/io/linkerd/proxy/identity_pb.js";
import { InboundServerPolicies, type ServerSchema } from "../../src/api/gen/io/linkerd/proxy/inbound_pb.js";
import {
  OutboundPolicies,
  type OutboundPolicySchema,
} from "../../src/api/gen/io/linkerd/proxy/outbound_pb.js";
import { systemClock } from "../../src/base/clock.ts";
import { ipv4ToNumber } from "../../src/base/ip.ts";
import { runProxy } from "../../src/proxy/proxy.ts";
import type { WorkerBirth } from "../../src/proxy/workers/messages.ts";
import { spawnProxyWorker } from "../../src/proxy/workers/spawn.ts";
import { type FakeCall, type FakeControlPlane, startFakeControlPlane } from "./fake-control-plane.ts";
import { freePort } from "./free-port.ts";
import { BUILT_ENTRY, ROOT, startProcess } from "./run-process.ts";
import { createTestMeshCa, type TestMeshCa } from "./test-mesh-ca.ts";

export const CLIENT_IDENTITY = "client.demo.serviceaccount.identity.meshctl.cluster.local";
export const SERVER_IDENTITY = "web.demo.serviceaccount.identity.meshctl.cluster.local";
const CONTROLLER = "meshctl-controller.meshctl.serviceaccount.identity.meshctl.cluster.local";
const SERVICE = "web.demo.svc.cluster.local:80";
const APP_PORT = 8080;

/** Linux answers on all of 127/8; elsewhere each address must be configured first. */
export const skipProxyPair = process.platform === "linux" ? false : "needs all of 127.0.0.0/8";

export interface RunningProxy {
  /** The address of its admin port, and of what other pods reach. */
  readonly ip: string;
  readonly stderr: () => string;
  stop(): Promise<number>;
}

/** Two whole proxies of this process under one fake control plane: a client's and, before an application, a server's. */
export interface ProxyPair {
  readonly ca: TestMeshCa;
  readonly plane: FakeControlPlane;
  readonly client: RunningProxy;
  readonly server: RunningProxy;
  /** Where the client's application reaches the service: `host:port`. */
  readonly entrance: string;
  /** The client's explicit HTTP proxy port: `host:port`. */
  readonly httpProxy: string;
  /** Where outsiders reach the application's port. */
  readonly applicationAddress: string;
  /** What the servers' proxies ask; each wants policies. */
  readonly watches: readonly FakeCall<never, typeof ServerSchema>[];
  /** Stops all; a second call does nothing. */
  stop(): Promise<void>;
}

export interface ProxyPairOptions {
  readonly application: http.RequestListener;
  /** Variables without their prefix. */
  readonly clientEnv?: Readonly<Record<string, string>>;
  readonly serverEnv?: Readonly<Record<string, string>>;
  /** Threads of the server's proxy; 1 by default: this thread. */
  readonly serverWorkers?: number;
  /** Who signs; absent: an authority of its own. */
  readonly ca?: TestMeshCa;
  /** Processes of the built program instead of this one. */
  readonly built?: boolean;
}

/** @returns once both proxies accept connections */
export async function startProxyPair(options: ProxyPairOptions): Promise<ProxyPair> {
  // A /24 of loopback that other runs on this machine do not use.
  const net = `127.${randomInt(64, 250)}.${randomInt(1, 250)}`;
  const [clientA, clientB, serverA, serverB] = [`${net}.11`, `${net}.12`, `${net}.21`, `${net}.22`];
  const ca = options.ca ?? (await createTestMeshCa());
  const plane = await startFakeControlPlane({ credentials: await ca.credentials(CONTROLLER) });
  const directory = await mkdtemp(join(tmpdir(), "meshctl-pair-"));
  await writeFile(join(directory, "token"), "token");
  const watches: FakeCall<never, typeof ServerSchema>[] = [];
  speakForMesh(plane, ca, serverA, watches);
  const app = http.createServer(options.application);
  app.listen(APP_PORT, serverB);
  await once(app, "listening");
  const entrance = await freePort(clientB);
  const starting = [
    start(SERVER_IDENTITY, serverA, serverB, {
      INBOUND_LISTENERS: `${serverA}:${APP_PORT}=${serverB}:${APP_PORT}`,
      INBOUND_PORTS: String(APP_PORT),
      INBOUND_DEFAULT_POLICY: "deny",
      CORES: String(options.serverWorkers ?? 1),
      ...options.serverEnv,
    }),
    start(CLIENT_IDENTITY, clientA, clientB, {
      OUTBOUND_SERVICES: `${clientB}:${entrance}=${SERVICE}`,
      ...options.clientEnv,
    }),
  ];
  const [server, client] = (await Promise.all(starting)) as [RunningProxy, RunningProxy];
  let isStopped = false;
  return {
    ca,
    plane,
    client,
    server,
    entrance: `${clientB}:${entrance}`,
    httpProxy: `${clientB}:4140`,
    applicationAddress: `${serverA}:${APP_PORT}`,
    watches,
    async stop() {
      if (isStopped) return;
      isStopped = true;
      await Promise.all([client.stop(), server.stop()]);
      app.closeAllConnections();
      app.close();
      await plane.close();
      await rm(directory, { recursive: true, force: true });
    },
  };

  async function start(
    identity: string,
    a: string,
    b: string,
    extra: Readonly<Record<string, string>>,
  ): Promise<RunningProxy> {
    const control = `127.0.0.1:${plane.port}`;
    const variables: Record<string, string> = {
      LOG: "debug",
      CAPTURE: "explicit",
      OWN_NETWORKS: `${a}/32,${b}/32`,
      IDENTITY_LOCAL_NAME: identity,
      IDENTITY_TRUST_ANCHORS: ca.anchorsPem,
      IDENTITY_TOKEN_FILE: join(directory, "token"),
      IDENTITY_SVC_ADDR: control,
      IDENTITY_SVC_NAME: CONTROLLER,
      DESTINATION_SVC_ADDR: control,
      DESTINATION_SVC_NAME: CONTROLLER,
      DESTINATION_CONTEXT: '{"ns":"demo"}',
      POLICY_SVC_ADDR: control,
      POLICY_SVC_NAME: CONTROLLER,
      POLICY_WORKLOAD: '{"ns":"demo","pod":"x"}',
      INBOUND_LISTEN_ADDR: `${a}:4143`,
      INBOUND_APP_HOST: b,
      ADMIN_LISTEN_ADDR: `${a}:4191`,
      OUTBOUND_LISTEN_ADDRS: `${b}:4140`,
      OUTBOUND_SOURCE_HOST: a,
      ...extra,
    };
    const env = Object.fromEntries(
      Object.entries(variables).map(([name, value]) => [`MESHCTL_PROXY_${name}`, value]),
    );
    if (options.built) return startBuilt(a, env);
    const stop = new AbortController();
    const ready = Promise.withResolvers<void>();
    let text = "";
    const io = {
      stderr: (line: string) => {
        text += line;
        if (line.includes("accepting connections")) ready.resolve();
      },
      clock: systemClock,
      random: Math.random,
      processors: 16,
      spawnWorker: (birth: WorkerBirth) => spawnProxyWorker(`${ROOT}commands/main.ts`, env, birth),
    };
    const exit = runProxy(env, io, stop.signal);
    exit.then((code) => ready.reject(new Error(`exit ${code}\n${text}`)));
    await ready.promise;
    return {
      ip: a,
      stderr: () => text,
      stop() {
        stop.abort();
        return exit;
      },
    };
  }
}

async function startBuilt(ip: string, env: Readonly<Record<string, string>>): Promise<RunningProxy> {
  const running = startProcess(process.execPath, [BUILT_ENTRY, "proxy"], { env });
  await running.waitFor(/accepting connections/);
  return {
    ip,
    stderr: running.stderr,
    async stop() {
      running.child.kill("SIGTERM");
      return (await running.done).exitCode ?? -1;
    },
  };
}

function speakForMesh(
  plane: FakeControlPlane,
  ca: TestMeshCa,
  serverIp: string,
  watches: FakeCall<never, typeof ServerSchema>[],
): void {
  plane.answer(Identity.method.certify, async (call) => {
    const { leafDer, chainDer } = await ca.sign(call.request.certificateSigningRequest);
    call.send({
      leafCertificate: leafDer,
      intermediateCertificates: chainDer,
      validUntil: timestampFromMs(Date.now() + 3_600_000),
    });
    call.end();
  });
  plane.answer(Destination.method.getProfile, (call) =>
    call.send({ fullyQualifiedName: "web.demo.svc.cluster.local" }),
  );
  plane.answer(Destination.method.get, (call) => call.send(endpointsAt(serverIp)));
  plane.answer(OutboundPolicies.method.watch, (call) => call.send(SERVICE_POLICY));
  plane.answer(InboundServerPolicies.method.watchPort, (call) => {
    watches.push(call as never);
    call.send(serverPolicy([ANY_IDENTITY]));
  });
}

const ms = (value: number) => ({ seconds: BigInt(value / 1000), nanos: 0 });
const meta = (name: string) => ({ kind: { case: "default", value: name } as const });
const SERVICE_META = {
  kind: {
    case: "resource",
    value: { group: "core", kind: "Service", namespace: "demo", name: "web", port: 80 },
  },
} as const;

// The generated types do not reach into oneofs; the schema does.
const BACKENDS = {
  kind: {
    case: "firstAvailable",
    value: {
      backends: [
        {
          backend: {
            metadata: SERVICE_META,
            queue: { capacity: 100, failfastTimeout: ms(3000) },
            kind: {
              case: "balancer",
              value: {
                discovery: { kind: { case: "dst", value: { path: SERVICE } } },
                load: { case: "peakEwma", value: { defaultRtt: { nanos: 30_000_000 }, decay: ms(10_000) } },
              },
            },
          },
        },
      ],
    },
  },
};
const ROUTES = { routes: [{ metadata: meta("http"), rules: [{ backends: BACKENDS }] }] };
const SERVICE_POLICY = {
  metadata: SERVICE_META,
  protocol: {
    kind: { case: "detect", value: { timeout: ms(10_000), opaque: ROUTES, http1: ROUTES, http2: ROUTES } },
  },
} as unknown as MessageInitShape<typeof OutboundPolicySchema>;

/** @param tlsIdentity whom the endpoint is */
export function endpointsAt(
  ip: string,
  tlsIdentity: object = { strategy: { case: "dnsLikeIdentity", value: { name: SERVER_IDENTITY } } },
) {
  return {
    update: {
      case: "add",
      value: {
        addrs: [
          {
            addr: { ip: { ip: { case: "ipv4", value: ipv4ToNumber(ip) } }, port: APP_PORT },
            weight: 10_000,
            metricLabels: { pod: "web-1", deployment: "web", namespace: "demo" },
            tlsIdentity,
            protocolHint: { opaqueTransport: { inboundPort: 4143 } },
          },
        ],
      },
    },
  } as unknown as MessageInitShape<typeof UpdateSchema>;
}

export const ANY_IDENTITY = {
  metadata: meta("all-authenticated"),
  networks: [{ net: { ip: { ip: { case: "ipv4", value: 0 } }, prefixLen: 0 } }],
  authentication: {
    permit: {
      case: "meshTLS",
      value: { clients: { case: "identities", value: { suffixes: [{ parts: [] }] } } },
    },
  },
};

export function serverPolicy(authorizations: readonly object[]) {
  return {
    labels: { group: "", kind: "default", name: "all-authenticated" },
    protocol: { kind: { case: "detect", value: { timeout: ms(10_000) } } },
    authorizations,
  } as unknown as MessageInitShape<typeof ServerSchema>;
}
