/** A second implementation of the client: Go code generated from the protocol's public definitions asks our control plane. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  create,
  type DescMessage,
  type DescMethod,
  fromJson,
  type JsonValue,
  type MessageInitShape,
  toJson,
} from "@bufbuild/protobuf";
import { Destination } from "../../src/api/gen/io/linkerd/proxy/destination_pb.js";
import { InboundServerPolicies } from "../../src/api/gen/io/linkerd/proxy/inbound_pb.js";
import { OutboundPolicies } from "../../src/api/gen/io/linkerd/proxy/outbound_pb.js";
import { systemClock } from "../../src/base/clock.ts";
import { silentLogger } from "../../src/base/log.ts";
import { ClusterIndex } from "../../src/control/index/cluster-index.ts";
import { Views } from "../../src/control/index/view.ts";
import { serveDiscovery } from "../../src/control/serve-discovery.ts";
import { createRegistry } from "../../src/metrics/registry.ts";
import { createTestAuthority, type TestAuthority } from "../support/mesh-authority.ts";
import { BUILT_ENTRY, type RunningProcess, runProcess, startProcess } from "../support/run-process.ts";
import { until } from "../support/until.ts";
import { applyAll, caseNames, readCase } from "../unit/control/case-files.ts";
import { TEST_SETTINGS } from "../unit/control/settings.ts";
import { goTool } from "./support/go-tools.ts";
import { takeOwnFields } from "./support/own-fields.ts";
import { type ApiCall, type ApiServer, ProxyApiClient } from "./support/proxy-api-client.ts";

const PROGRAM = await goTool("proxyapi");
const IDENTITY = "serviceaccount.identity.meshctl.cluster.local";
const CONTROLLER = `meshctl-controller.meshctl.${IDENTITY}`;

/** What a case expects, as others see it: messages without our own fields, which fields those were, and the error. */
async function expectedOf(
  file: string,
  output: DescMessage,
): Promise<{ messages: unknown[]; own: string[]; end: { code: string; text: string } | undefined }> {
  const lines = JSON.parse(await readFile(file, "utf8")) as JsonValue[];
  const last = lines.at(-1) as { error?: string; message: string } | undefined;
  const end = last?.error === undefined ? undefined : { code: last.error, text: last.message };
  const own: string[] = [];
  const messages = lines.slice(0, end ? -1 : undefined).map((json) => {
    const message = fromJson(output, json);
    own.push(...takeOwnFields(output, message));
    return toJson(output, message);
  });
  return { messages, own, end };
}

/** Of 32-bit fractions others print the shortest text, we all digits. */
function sameFractions(json: unknown): unknown {
  return JSON.parse(JSON.stringify(json), (_key, value: unknown) =>
    typeof value === "number" && !Number.isInteger(value) ? Math.fround(value) : value,
  );
}

describe("a client generated from the public definitions", { skip: PROGRAM.missing }, () => {
  let directory: string;
  let authority: TestAuthority;
  let client: ProxyApiClient;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "meshctl-proxy-api-"));
    authority = await createTestAuthority();
    const anchors = join(directory, "ca-bundle.crt");
    await writeFile(anchors, authority.anchor.certificatePem);
    client = new ProxyApiClient(PROGRAM.path, anchors);
  });
  after(async () => {
    await client?.stop();
    await rm(directory, { recursive: true, force: true });
  });

  for (const name of caseNames()) {
    test(`decodes what the table says, and ignores our own fields: ${name}`, async (t) => {
      const given = readCase(name);
      const expected = await expectedOf(given.expectedFile, given.method.output);
      const index = new ClusterIndex();
      const views = new Views(index.topics);
      applyAll(index, given.objects);
      const ports: Record<string, number> = {};
      const discovery = await serveDiscovery({
        host: "127.0.0.1",
        ports: { destination: 0, policy: 0 },
        credentials: await authority.credentials(CONTROLLER),
        clock: systemClock,
        log: {
          ...silentLogger,
          info: (_message, fields) => {
            ports[String(fields?.server)] = Number(fields?.port);
          },
        },
        metrics: createRegistry({ clock: systemClock }),
        observer: { started() {}, sent() {}, handled() {} },
        index,
        views,
        settings: { ...TEST_SETTINGS, ...given.settings },
        ready: Promise.resolve(),
      });
      t.after(() => discovery.stop());
      const service = given.method.parent.name === "Destination" ? "destination" : "policy";
      const state = () => discovery.connections()[service]!.flatMap(({ calls }) => calls)[0];

      const server = { address: `127.0.0.1:${ports[service]}`, serverName: CONTROLLER };
      const call = client.call(server, given.method, given.request);
      if (given.changes.length > 0) {
        // What is told first must be there before it changes.
        await until("a first message", () => (state()?.sent ?? 0) > 0);
        await call.settled(state()!.sent);
        applyAll(index, given.changes);
      }
      await call.settled(expected.messages.length + (expected.end ? 1 : 0));
      assert.deepEqual(sameFractions(call.messages), sameFractions(expected.messages));
      assert.deepEqual([...call.unknown].sort(), expected.own.sort());
      assert.deepEqual(call.end, expected.end);
      if (!expected.end) {
        // No more than that.
        assert.deepEqual([state()?.sent, state()?.waiting], [expected.messages.length, 0]);
        call.cancel();
      }
      await until("the end of the call", () => call.end !== undefined && views.size === 0);
    });
  }
});

const WEB = `web.demo.${IDENTITY}`;
const OBJECTS = `
apiVersion: v1
kind: Service
metadata: { name: web, namespace: demo }
spec: { selector: { app: web }, ports: [{ port: 80, targetPort: http }] }
---
apiVersion: workload.meshctl.io/v1beta1
kind: ExternalWorkload
metadata: { name: web-1, namespace: demo, labels: { app: web } }
spec:
  meshTLS: { identity: ${WEB}, serverName: ${WEB} }
  workloadIPs: [{ ip: 10.7.0.1 }]
  ports: [{ name: http, port: 8080 }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: web, namespace: demo }
spec:
  parentRefs: [{ group: "", kind: Service, name: web, port: 80 }]
  rules:
    - matches: [{ path: { type: PathPrefix, value: /old } }]
      filters: [{ type: URLRewrite, urlRewrite: { path: { type: ReplacePrefixMatch, replacePrefixMatch: /new } } }]
      backendRefs: [{ name: web, port: 80 }]
`;

const SERVER = `
apiVersion: policy.meshctl.io/v1beta3
kind: Server
metadata: { name: web, namespace: demo }
spec: { externalWorkloadSelector: { matchLabels: { app: web } }, port: http, proxyProtocol: HTTP/2, accessPolicy: deny }
`;

describe("a proxy of another make joins the built control plane", { skip: PROGRAM.missing }, () => {
  let directory: string;
  let plane: RunningProcess;
  let client: ProxyApiClient;
  const servers: Record<string, ApiServer> = {};

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "meshctl-proxy-api-"));
    await writeFile(join(directory, "objects.yaml"), OBJECTS);
    plane = startProcess(
      process.execPath,
      [
        BUILT_ENTRY,
        "control-plane",
        `--from=${directory}`,
        "--identity-port=0",
        "--destination-port=0",
        "--policy-port=0",
        "--admin-port=0",
      ],
      { env: { LISTEN_HOST: "127.0.0.1" } },
    );
    for (const name of ["identity", "destination", "policy"]) {
      const [, port] = await plane.waitFor(new RegExp(`server=${name} port=(\\d+)`));
      const account = name === "identity" ? "meshctl-identity" : "meshctl-controller";
      servers[name] = { address: `127.0.0.1:${port}`, serverName: `${account}.meshctl.${IDENTITY}` };
    }
    client = new ProxyApiClient(PROGRAM.path, join(directory, ".meshctl", "ca-bundle.crt"));
  });
  after(async () => {
    await client?.stop();
    plane?.child.kill("SIGTERM");
    await plane?.done;
    await rm(directory, { recursive: true, force: true });
  });

  function ask<I extends DescMessage>(
    server: string,
    method: DescMethod & { readonly input: I },
    request: MessageInitShape<I>,
  ): ApiCall {
    return client.call(servers[server]!, method, create(method.input, request));
  }
  const token = async (): Promise<string> => {
    const args = [BUILT_ENTRY, "control-plane", "token", "web", "-n=demo", `--from=${directory}`];
    return (await runProcess(process.execPath, args)).stdout.trim();
  };

  test("identity refuses a token that is none, and one of somebody else", async () => {
    for (const [identity, given, code] of [
      [WEB, "not a token", "InvalidArgument"],
      [`other.demo.${IDENTITY}`, await token(), "FailedPrecondition"],
    ] as const) {
      const call = client.certify(servers.identity!, identity, given);
      await until("the answer", () => call.end);
      assert.equal(call.end?.code, code, JSON.stringify(call.end));
      assert.deepEqual(call.messages, []);
    }
  });

  test("identity certifies its key: the chain verifies in Go for server and client, and our field with the anchors is ignored", async () => {
    const call = client.certify(servers.identity!, WEB, await token());
    await until("the answer", () => call.end);
    assert.deepEqual(call.end, { code: "OK", text: "" });
    assert.deepEqual(call.unknown, ["io.linkerd.proxy.identity.CertifyResponse:1000"]);
  });

  test("destination and policy tell it endpoints, profile, both policies, and what changes", async () => {
    const get = ask("destination", Destination.method.get, { path: "web.demo.svc.cluster.local:80" });
    const profile = ask("destination", Destination.method.getProfile, {
      path: "web.demo.svc.cluster.local:80",
      contextToken: JSON.stringify({ ns: "demo" }),
    });
    const workload = JSON.stringify({ ns: "demo", external_workload: "web-1" });
    const inbound = ask("policy", InboundServerPolicies.method.watchPort, { workload, port: 8080 });
    const outbound = ask("policy", OutboundPolicies.method.watch, {
      sourceWorkload: workload,
      target: { case: "authority", value: "web.demo.svc.cluster.local:80" },
    });
    await Promise.all([get, profile, inbound, outbound].map((call) => call.settled(1)));

    assert.deepEqual(get.messages[0], {
      add: {
        addrs: [
          {
            addr: { ip: { ipv4: 0x0a07_0001 }, port: 8080 },
            weight: 10_000,
            metricLabels: { external_workload: "web-1", zone_locality: "unknown" },
            tlsIdentity: { dnsLikeIdentity: { name: WEB }, serverName: { name: WEB } },
            protocolHint: { h2: {}, opaqueTransport: { inboundPort: 4143 } },
          },
        ],
        metricLabels: { service: "web", namespace: "demo" },
      },
    });
    assert.equal(
      (profile.messages[0] as { fullyQualifiedName: string }).fullyQualifiedName,
      "web.demo.svc.cluster.local",
    );
    assert.deepEqual((inbound.messages[0] as { labels: unknown }).labels, {
      group: "",
      kind: "default",
      name: "all-unauthenticated",
    });
    const { protocol } = outbound.messages[0] as {
      protocol: { detect: { http1: { routes: { rules: { matches: unknown }[] }[] } } };
    };
    assert.deepEqual(protocol.detect.http1.routes[0]!.rules[0]!.matches, [{ path: { prefix: "/old" } }]);
    // The rewrite: once in the routes of HTTP/1, once in those of HTTP/2.
    assert.deepEqual(outbound.unknown, Array(2).fill("io.linkerd.proxy.outbound.HttpRoute.Rule:1000"));
    assert.deepEqual([...get.unknown, ...profile.unknown, ...inbound.unknown], []);

    await writeFile(join(directory, "server.yaml"), SERVER);
    await inbound.settled(2);
    const changed = inbound.messages.at(-1) as {
      protocol: object;
      labels: unknown;
      authorizations?: unknown;
    };
    assert.deepEqual(changed.labels, { group: "policy.meshctl.io", kind: "server", name: "web" });
    assert.deepEqual(Object.keys(changed.protocol), ["http2"]);
    assert.equal(changed.authorizations, undefined);

    await writeFile(join(directory, "objects.yaml"), OBJECTS.replace("10.7.0.1", "10.7.0.2"));
    await get.settled(3);
    assert.deepEqual(
      get.messages.slice(1).map((message) => Object.keys(message as object)[0]),
      ["add", "remove"],
    );

    for (const call of [get, profile, inbound, outbound]) call.cancel();
    await until("the calls to end", () => [get, profile, inbound, outbound].every(({ end }) => end));
    for (const call of [get, profile, inbound, outbound]) assert.equal(call.end?.code, "Canceled");
  });

  test("a port of which nothing is known is answered with the gRPC code of the protocol", async () => {
    const codes: string[] = [];
    for (const call of [
      ask("destination", Destination.method.get, { path: "nobody.demo.svc.cluster.local:80" }),
      ask("policy", InboundServerPolicies.method.watchPort, { workload: "nonsense", port: 80 }),
      ask("policy", InboundServerPolicies.method.getPort, {
        workload: JSON.stringify({ ns: "demo", external_workload: "nobody" }),
        port: 80,
      }),
      ask("policy", OutboundPolicies.method.get, {
        sourceWorkload: JSON.stringify({ ns: "demo", pod: "x" }),
        target: { case: "authority", value: "example.com:80" },
      }),
    ]) {
      await until("the answer", () => call.end);
      codes.push(call.end!.code);
    }
    assert.deepEqual(codes, ["NotFound", "InvalidArgument", "NotFound", "NotFound"]);
  });
});
