import { randomInt } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Destination, type UpdateSchema } from "../../../src/api/gen/io/linkerd/proxy/destination_pb.js";
import { Identity } from "../../../src/api/gen/io/linkerd/proxy/identity_pb.js";
import {
  InboundServerPolicies,
  type ServerSchema,
} from "../../../src/api/gen/io/linkerd/proxy/inbound_pb.js";
import {
  OutboundPolicies,
  type OutboundPolicySchema,
} from "../../../src/api/gen/io/linkerd/proxy/outbound_pb.js";
import { ipv4ToNumber } from "../../../src/base/ip.ts";
import { type FakeControlPlane, startFakeControlPlane } from "../../support/fake-control-plane.ts";
import { freePort } from "../../support/free-port.ts";
import { createTestMeshCa, type TestMeshCa } from "../../support/test-mesh-ca.ts";
import { type ProxyProcess, startProxyProcess } from "./proxy-process.ts";

export const CLIENT_ID = "client.demo.serviceaccount.identity.meshctl.cluster.local";
export const SERVER_ID = "web.demo.serviceaccount.identity.meshctl.cluster.local";
const CONTROLLER_ID = "meshctl-controller.meshctl.serviceaccount.identity.meshctl.cluster.local";
export const SERVICE = "web.demo.svc.cluster.local";

/** Why a pair cannot run here, for `skip`: Linux answers on all of 127/8, elsewhere each address must be configured first. */
export const PAIR_MISSING = process.platform !== "linux" && "needs all of 127.0.0.0/8";

export interface PairOptions {
  /** How the service's port speaks; `opaque`: its bytes are not looked at on either side. Default `detect`. */
  readonly protocol?: "detect" | "opaque" | "http1" | "http2";
  /** How many server pods there are; each is a proxy and an application of its own. Default 1. */
  readonly servers?: number;
  /** Variables of the proxies, by suffix. */
  readonly clientEnv?: Readonly<Record<string, string>>;
  readonly serverEnv?: Readonly<Record<string, string>>;
  /** Validity of certificates from now on, ms; default an hour. */
  readonly certificateMs?: () => number;
  /** What the control plane takes for the time; default: the machine's. */
  readonly now?: () => number;
  /** Variables of both processes as a whole, such as LD_PRELOAD. */
  readonly processEnv?: Readonly<Record<string, string>>;
}

/** A pod of the service. The application binds `appHost`, at the pair's `appPort`. */
export interface ServerPod {
  readonly proxy: ProxyProcess;
  readonly appHost: string;
  /** Where clients outside the mesh reach the application: its proxy's inbound listener. */
  readonly podHost: string;
}

/**
 * Two pods (or more) as real processes of the built program: a client's proxy, and one for each server. They get certificates,
 * policies and endpoints over mesh TLS from a control plane in this process, which a test makes say what it likes.
 *
 *     client -> entrance (client's proxy) == mutual TLS, transport header ==> server's proxy -> appHost:appPort
 */
export interface MeshPair {
  readonly plane: FakeControlPlane;
  readonly client: ProxyProcess;
  readonly servers: readonly ServerPod[];
  /** The first server. */
  readonly server: ServerPod;
  /** The service's port, and that of its pods. */
  readonly port: number;
  /** Where the application listens behind its proxy. Another number, for programs that take all addresses. */
  readonly appPort: number;
  /** Where clients of the mesh reach the service: the client's proxy. */
  readonly entrance: { readonly host: string; readonly port: number };
  /** The client's HTTP proxy port. */
  readonly httpProxy: { readonly host: string; readonly port: number };
  /** How many certificates were given so far, and when the last one ends (ms since the epoch). */
  readonly certified: () => { readonly count: number; readonly untilMs: number };
  /** How many calls of each method the control plane has had since it was last started. */
  readonly calls: ReadonlyMap<string, number>;
  /** Lets everybody in, or nobody: by the policy of the servers' port, now and for watches to come. */
  authorize(isAllowed: boolean): void;
  /** Closes the control plane's port and cuts its connections. */
  stopPlane(): Promise<void>;
  /** Starts it again, on the same port. */
  restartPlane(): Promise<void>;
  stop(): Promise<void>;
}

const ms = (value: number) => ({ seconds: BigInt(Math.floor(value / 1000)), nanos: (value % 1000) * 1e6 });
const meta = (name: string) => ({ kind: { case: "default", value: name } as const });

export async function startMeshPair(options: PairOptions = {}): Promise<MeshPair> {
  const ca = await createTestMeshCa();
  const directory = await mkdtemp(join(tmpdir(), "meshctl-pair-"));
  await writeFile(join(directory, "token"), "token");
  /** A /24 of loopback that other runs on this machine do not use. */
  const net = `127.${randomInt(64, 250)}.${randomInt(1, 250)}`;
  const clientHosts = { a: `${net}.11`, b: `${net}.12` };
  const port = await freePort(clientHosts.a);
  const appPort = await freePort("0.0.0.0");
  const entrance = { host: clientHosts.b, port: await freePort(clientHosts.b) };
  const httpProxy = { host: clientHosts.b, port: 4140 };
  const serverHosts = Array.from({ length: options.servers ?? 1 }, (_, index) => ({
    a: `${net}.${21 + 2 * index}`,
    b: `${net}.${22 + 2 * index}`,
  }));
  const certified = { count: 0, untilMs: 0 };
  const calls = new Map<string, number>();
  const policies: Policies = { isAllowed: true, watches: new Set() };

  const startPlane = async (planePort?: number): Promise<FakeControlPlane> => {
    const credentials = await ca.credentials(CONTROLLER_ID);
    const plane = await startFakeControlPlane({
      credentials,
      ...(planePort === undefined ? {} : { port: planePort }),
    });
    calls.clear();
    policies.watches.clear();
    speakForMesh(plane, ca, {
      protocol: options.protocol ?? "detect",
      endpoints: serverHosts.map(({ a }) => a),
      port,
      certificateMs: options.certificateMs ?? (() => 3_600_000),
      now: options.now ?? Date.now,
      certified,
      calls,
      policies,
    });
    return plane;
  };
  let plane = await startPlane(await freePort());
  const planePort = plane.port;
  const started: ProxyProcess[] = [];
  const stop = async () => {
    await Promise.all(started.map((proxy) => proxy.stop()));
    await plane.close();
    await rm(directory, { recursive: true, force: true });
  };
  const start = async (
    identity: string,
    { a, b }: { a: string; b: string },
    extra: Record<string, string>,
  ): Promise<ProxyProcess> => {
    const proxy = startProxyProcess(
      {
        CAPTURE: "explicit",
        OWN_NETWORKS: `${a}/32,${b}/32`,
        IDENTITY_LOCAL_NAME: identity,
        IDENTITY_TRUST_ANCHORS: ca.anchorsPem,
        IDENTITY_TOKEN_FILE: join(directory, "token"),
        IDENTITY_SVC_ADDR: `127.0.0.1:${planePort}`,
        IDENTITY_SVC_NAME: CONTROLLER_ID,
        DESTINATION_SVC_ADDR: `127.0.0.1:${planePort}`,
        DESTINATION_SVC_NAME: CONTROLLER_ID,
        POLICY_SVC_ADDR: `127.0.0.1:${planePort}`,
        POLICY_SVC_NAME: CONTROLLER_ID,
        POLICY_WORKLOAD: '{"ns":"demo","pod":"x"}',
        INBOUND_LISTEN_ADDR: `${a}:4143`,
        INBOUND_APP_HOST: b,
        ADMIN_LISTEN_ADDR: `${a}:4191`,
        OUTBOUND_LISTEN_ADDRS: `${b}:4140`,
        OUTBOUND_SOURCE_HOST: a,
        SHUTDOWN_GRACE_PERIOD: "2s",
        ...extra,
      },
      { host: a, ...(options.processEnv ? { env: options.processEnv } : {}) },
    );
    started.push(proxy);
    await proxy.ready;
    return proxy;
  };

  try {
    const [client, ...proxies] = await Promise.all([
      start(CLIENT_ID, clientHosts, {
        OUTBOUND_SERVICES: `${entrance.host}:${entrance.port}=${SERVICE}:${port}`,
        ...options.clientEnv,
      }),
      ...serverHosts.map((hosts) =>
        start(SERVER_ID, hosts, {
          INBOUND_LISTENERS: `${hosts.a}:${port}=${hosts.b}:${appPort}`,
          INBOUND_PORTS: String(port),
          ...(options.protocol === "opaque"
            ? { INBOUND_PORTS_DISABLE_PROTOCOL_DETECTION: String(port) }
            : {}),
          ...options.serverEnv,
        }),
      ),
    ]);
    const servers = proxies.map((proxy, index) => ({
      proxy,
      appHost: serverHosts[index]!.b,
      podHost: serverHosts[index]!.a,
    }));
    return {
      get plane() {
        return plane;
      },
      client,
      servers,
      server: servers[0]!,
      port,
      appPort,
      entrance,
      httpProxy,
      certified: () => certified,
      calls,
      authorize(isAllowed) {
        policies.isAllowed = isAllowed;
        for (const send of policies.watches) send();
      },
      stopPlane: () => plane.close(),
      async restartPlane() {
        plane = await startPlane(planePort);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

interface Sayings {
  readonly protocol: NonNullable<PairOptions["protocol"]>;
  readonly endpoints: readonly string[];
  readonly port: number;
  readonly certificateMs: () => number;
  readonly now: () => number;
  readonly certified: { count: number; untilMs: number };
  readonly calls: Map<string, number>;
  readonly policies: Policies;
}

interface Policies {
  isAllowed: boolean;
  /** Each sends the policy to one watch. */
  readonly watches: Set<() => void>;
}

function speakForMesh(plane: FakeControlPlane, ca: TestMeshCa, say: Sayings): void {
  const count = (method: string) => say.calls.set(method, (say.calls.get(method) ?? 0) + 1);
  plane.answer(Identity.method.certify, async (call) => {
    count("certify");
    const nowMs = say.now();
    const untilMs = nowMs + say.certificateMs();
    const { leafDer, chainDer } = await ca.sign(call.request.certificateSigningRequest, {
      fromMs: nowMs - 3_600_000,
      untilMs,
    });
    say.certified.count++;
    say.certified.untilMs = untilMs;
    call.send({
      leafCertificate: leafDer,
      intermediateCertificates: chainDer,
      validUntil: timestampFromMs(untilMs),
    });
    call.end();
  });
  plane.answer(Destination.method.getProfile, (call) => {
    count("getProfile");
    call.send({ fullyQualifiedName: SERVICE });
  });
  plane.answer(Destination.method.get, (call) => {
    count("get");
    call.send(endpointsOf(say));
  });
  plane.answer(OutboundPolicies.method.watch, (call) => {
    count("watch");
    call.send(servicePolicy(say));
  });
  plane.answer(InboundServerPolicies.method.watchPort, (call) => {
    count(`watchPort ${call.request.port}`);
    const send = () => call.send(serverPolicy(say));
    say.policies.watches.add(send);
    void call.closed.then(() => say.policies.watches.delete(send));
    send();
  });
}

// The generated types do not reach into oneofs; the schema does.

const everybody = {
  metadata: meta("all-unauthenticated"),
  networks: [{ net: { ip: { ip: { case: "ipv4", value: 0 } }, prefixLen: 0 } }],
  authentication: { permit: { case: "unauthenticated", value: {} } },
};

function endpointsOf({ endpoints, port, protocol }: Sayings) {
  const addrs = endpoints.map((ip) => ({
    addr: { ip: { ip: { case: "ipv4", value: ipv4ToNumber(ip) } }, port },
    weight: 10_000,
    tlsIdentity: { strategy: { case: "dnsLikeIdentity", value: { name: SERVER_ID } } },
    protocolHint: {
      ...(protocol === "opaque" ? {} : { protocol: { case: "h2", value: {} } }),
      opaqueTransport: { inboundPort: 4143 },
    },
  }));
  return { update: { case: "add", value: { addrs } } } as unknown as MessageInitShape<typeof UpdateSchema>;
}

function servicePolicy({ port, protocol }: Sayings) {
  const backends = {
    kind: {
      case: "firstAvailable",
      value: {
        backends: [
          {
            backend: {
              metadata: meta("service"),
              queue: { capacity: 100, failfastTimeout: ms(3000) },
              kind: {
                case: "balancer",
                value: {
                  discovery: { kind: { case: "dst", value: { path: `${SERVICE}:${port}` } } },
                  load: {
                    case: "peakEwma",
                    value: { defaultRtt: { nanos: 30_000_000 }, decay: ms(10_000) },
                  },
                },
              },
            },
          },
        ],
      },
    },
  };
  const routes = { routes: [{ metadata: meta("all"), rules: [{ backends }] }] };
  const kinds = {
    detect: {
      case: "detect",
      value: { timeout: ms(10_000), opaque: routes, http1: routes, http2: routes },
    },
    opaque: { case: "opaque", value: routes },
    http1: { case: "http1", value: routes },
    http2: { case: "http2", value: routes },
  };
  return {
    metadata: meta("service"),
    protocol: { kind: kinds[protocol] },
  } as unknown as MessageInitShape<typeof OutboundPolicySchema>;
}

function serverPolicy({ protocol, policies }: Sayings) {
  const kinds = {
    detect: { case: "detect", value: { timeout: ms(10_000) } },
    opaque: { case: "opaque", value: {} },
    http1: { case: "http1", value: {} },
    http2: { case: "http2", value: {} },
  };
  return {
    labels: { group: "", kind: "default", name: "all-unauthenticated" },
    protocol: { kind: kinds[protocol] },
    authorizations: policies.isAllowed ? [everybody] : [],
  } as unknown as MessageInitShape<typeof ServerSchema>;
}
