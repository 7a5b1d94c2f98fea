import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
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
import { systemClock } from "../../../src/base/clock.ts";
import { ipv4ToNumber } from "../../../src/base/ip.ts";
import { runProxy } from "../../../src/proxy/proxy.ts";
import {
  type FakeCall,
  type FakeControlPlane,
  startFakeControlPlane,
} from "../../support/fake-control-plane.ts";
import { freePort } from "../../support/free-port.ts";
import { createTestMeshCa, type TestMeshCa } from "../../support/test-mesh-ca.ts";

const CLIENT = "client.demo.serviceaccount.identity.meshctl.cluster.local";
const SERVER = "web.demo.serviceaccount.identity.meshctl.cluster.local";
const CONTROLLER = "meshctl-controller.meshctl.serviceaccount.identity.meshctl.cluster.local";
const SERVICE = "web.demo.svc.cluster.local:80";
/** A /24 of loopback that other runs on this machine do not use. */
const NET = `127.${randomInt(64, 250)}.${randomInt(1, 250)}`;
const [CLIENT_A, CLIENT_B, SERVER_A, SERVER_B] = [
  `${NET}.11`,
  `${NET}.12`,
  `${NET}.21`,
  `${NET}.22`,
] as const;
const APP_PORT = 8080;
const ms = (value: number) => ({ seconds: BigInt(value / 1000), nanos: 0 });
const meta = (name: string) => ({ kind: { case: "default", value: name } as const });

interface Running {
  readonly ready: Promise<void>;
  readonly stderr: () => string;
  stop(): Promise<number>;
}

/** Linux answers on all of 127/8; elsewhere each address must be configured first. */
const skip = process.platform === "linux" ? false : "needs all of 127.0.0.0/8";

describe("two proxies under one control plane", { skip }, () => {
  let ca: TestMeshCa;
  let plane: FakeControlPlane;
  let directory: string;
  let app: http.Server;
  const proxies: Running[] = [];
  const watches: FakeCall<never, typeof ServerSchema>[] = [];
  let entrance = 0;

  before(async () => {
    ca = await createTestMeshCa();
    plane = await startFakeControlPlane({ credentials: await ca.credentials(CONTROLLER) });
    directory = await mkdtemp(join(tmpdir(), "meshctl-two-"));
    await writeFile(join(directory, "token"), "token");
    speakForMesh();
    app = http.createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        response.setHeader("x-client-id", request.headers["l5d-client-id"] ?? "nobody");
        response.end(`${request.method} ${request.url} ${Buffer.concat(chunks)}`);
      });
    });
    app.listen(APP_PORT, SERVER_B);
    await once(app, "listening");
    entrance = await freePort(CLIENT_B);
    proxies.push(
      await start(SERVER, SERVER_A, SERVER_B, {
        INBOUND_LISTENERS: `${SERVER_A}:${APP_PORT}=${SERVER_B}:${APP_PORT}`,
        INBOUND_PORTS: String(APP_PORT),
        INBOUND_DEFAULT_POLICY: "deny",
      }),
      await start(CLIENT, CLIENT_A, CLIENT_B, { OUTBOUND_SERVICES: `${CLIENT_B}:${entrance}=${SERVICE}` }),
    );
    await Promise.all(proxies.map(({ ready }) => ready));
  });

  after(async () => {
    await Promise.all(proxies.map((proxy) => proxy.stop()));
    app?.closeAllConnections();
    app?.close();
    await plane?.close();
    await rm(directory, { recursive: true, force: true });
  });

  test("a request passes by mutual TLS: the application learns who asks", async () => {
    const response = await fetch(`http://${CLIENT_B}:${entrance}/hello?a=b`, {
      method: "POST",
      body: "body",
    });
    assert.equal(response.status, 200, proxies.map(({ stderr }) => stderr()).join("\n"));
    assert.equal(response.headers.get("x-client-id"), CLIENT);
    assert.equal(await response.text(), "POST /hello?a=b body");
  });

  test("the HTTP proxy port routes by authority", async () => {
    const request = http.request({
      host: CLIENT_B,
      port: 4140,
      path: "http://web/by-name",
      headers: { host: "web" },
    });
    request.end();
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    response.setEncoding("utf8");
    let text = "";
    for await (const chunk of response) text += chunk;
    assert.deepEqual([response.statusCode, text], [200, "GET /by-name "]);
    assert.equal(response.headers["x-client-id"], CLIENT);
  });

  test("an outsider in plaintext is refused by a policy that wants identities", async () => {
    const response = await fetch(`http://${SERVER_A}:${APP_PORT}/`);
    assert.equal(response.status, 403);
  });

  test("a new policy holds for the next request, on both sides of an outage of the control plane", async () => {
    for (const watch of watches) watch.send(serverPolicy([]));
    await statusBecomes(403);
    for (const watch of watches) watch.send(serverPolicy([anyIdentity]));
    await statusBecomes(200);
    plane.dropConnections();
    assert.equal((await fetch(`http://${CLIENT_B}:${entrance}/`)).status, 200);
  });

  test("both drain and exit 0", async () => {
    assert.deepEqual(await Promise.all(proxies.map((proxy) => proxy.stop())), [0, 0]);
  });

  /** Asks until the status is the one that a policy on its way will bring; the test's time limit bounds it. */
  async function statusBecomes(status: number): Promise<void> {
    for (;;) {
      const response = await fetch(`http://${CLIENT_B}:${entrance}/`);
      await response.arrayBuffer();
      if (response.status === status) return;
    }
  }

  function speakForMesh(): void {
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
    plane.answer(Destination.method.get, (call) => call.send(endpoints));
    plane.answer(OutboundPolicies.method.watch, (call) => call.send(servicePolicy));
    plane.answer(InboundServerPolicies.method.watchPort, (call) => {
      watches.push(call as never);
      call.send(serverPolicy([anyIdentity]));
    });
  }

  async function start(
    identity: string,
    a: string,
    b: string,
    extra: Record<string, string>,
  ): Promise<Running> {
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
    };
    const exit = runProxy(env, io, stop.signal);
    exit.then((code) => ready.reject(new Error(`exit ${code}\n${text}`)));
    return {
      ready: ready.promise,
      stderr: () => text,
      stop() {
        stop.abort();
        return exit;
      },
    };
  }
});

// The generated types do not reach into oneofs; the schema does.
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
const routes = { routes: [{ metadata: meta("http"), rules: [{ backends }] }] };
const servicePolicy = {
  metadata: meta("service"),
  protocol: {
    kind: { case: "detect", value: { timeout: ms(10_000), opaque: routes, http1: routes, http2: routes } },
  },
} as unknown as MessageInitShape<typeof OutboundPolicySchema>;

const endpoints = {
  update: {
    case: "add",
    value: {
      addrs: [
        {
          addr: { ip: { ip: { case: "ipv4", value: ipv4ToNumber(SERVER_A) } }, port: APP_PORT },
          weight: 10_000,
          tlsIdentity: { strategy: { case: "dnsLikeIdentity", value: { name: SERVER } } },
          protocolHint: { opaqueTransport: { inboundPort: 4143 } },
        },
      ],
    },
  },
} as unknown as MessageInitShape<typeof UpdateSchema>;

const anyIdentity = {
  metadata: meta("all-authenticated"),
  networks: [{ net: { ip: { ip: { case: "ipv4", value: 0 } }, prefixLen: 0 } }],
  authentication: {
    permit: {
      case: "meshTLS",
      value: { clients: { case: "identities", value: { suffixes: [{ parts: [] }] } } },
    },
  },
};

function serverPolicy(authorizations: readonly object[]) {
  return {
    labels: { group: "", kind: "default", name: "all-authenticated" },
    protocol: { kind: { case: "detect", value: { timeout: ms(10_000) } } },
    authorizations,
  } as unknown as MessageInitShape<typeof ServerSchema>;
}
