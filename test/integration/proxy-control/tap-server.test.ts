import assert from "node:assert/strict";
import http2 from "node:http2";
import { after, before, describe, test } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type ObserveRequest_MatchSchema,
  ObserveRequestSchema,
  type TapEvent,
  type TapEvent_Http_RequestInit,
  type TapEvent_Http_ResponseEnd,
  type TapEvent_Http_ResponseInit,
  TapEvent_ProxyDirection,
  TapEventSchema,
} from "../../../src/api/gen/io/linkerd/proxy/tap_pb.js";
import { meshClientOptions } from "../../../src/identity/mesh-tls.ts";
import { freePort } from "../../support/free-port.ts";
import {
  CLIENT_IDENTITY,
  type ProxyPair,
  SERVER_IDENTITY,
  skipProxyPair,
  startProxyPair,
} from "../../support/proxy-pair.ts";
import { openRawGrpc, type RawCall } from "../../support/raw-grpc.ts";

const VIEWER = "tap.viz.serviceaccount.identity.meshctl.cluster.local";
const OBSERVE = "/io.linkerd.proxy.tap.Tap/Observe";
const everything: MessageInitShape<typeof ObserveRequest_MatchSchema> = {
  match: { case: "all", value: { matches: [] } },
};
const withHeaders = {
  extract: { case: "http", value: { extract: { case: "headers", value: {} } } },
} as const;

describe("tap in Linkerd's protocol", { skip: skipProxyPair }, () => {
  let pair: ProxyPair;
  const ports = { client: 0, server: 0 };

  before(async () => {
    ports.client = await freePort("127.0.0.1");
    ports.server = await freePort("127.0.0.1");
    const env = (port: number) => ({ TAP_SVC_NAME: VIEWER, CONTROL_LISTEN_ADDR: `127.0.0.1:${port}` });
    pair = await startProxyPair({
      application(request, response) {
        request.resume();
        response.setHeader("set-cookie", "secret=1");
        request.on("end", () => response.end("hello"));
      },
      clientEnv: env(ports.client),
      serverEnv: env(ports.server),
    });
  });

  after(() => pair?.stop());

  /** A viewer's connection to the tap port of a proxy. */
  async function open(side: "client" | "server", identity = VIEWER) {
    const serverName = side === "client" ? CLIENT_IDENTITY : SERVER_IDENTITY;
    const credentials = await pair.ca.credentials(identity);
    const options = meshClientOptions(credentials, { serverName, expectIdentity: serverName });
    return openRawGrpc(ports[side], options);
  }

  /** Asks until the observer, which registers when its call arrives, has seen one request. */
  async function requestUntilSeen(seen: () => boolean, path = "/a?b=c"): Promise<void> {
    while (!seen()) {
      const response = await fetch(`http://${pair.entrance}${path}`, {
        headers: { authorization: "Bearer secret" },
      });
      await response.arrayBuffer();
    }
  }

  test("the viewer sees both sides of a request: head, response, end, with ends and labels", async () => {
    for (const side of ["client", "server"] as const) {
      const grpc = await open(side);
      const call: RawCall<typeof TapEventSchema> = grpc.call(OBSERVE, ObserveRequestSchema, TapEventSchema, {
        limit: 1,
        match: everything,
      });
      await requestUntilSeen(() => call.messages.length > 0);
      assert.deepEqual(await call.ended, { status: "0", message: "" });
      assert.deepEqual(call.messages.map(kindOf), ["requestInit", "responseInit", "responseEnd"]);
      const [request, response, end] = call.messages as [TapEvent, TapEvent, TapEvent];
      assert.equal(httpOf(request, "requestInit").path, "/a?b=c");
      assert.equal(httpOf(request, "requestInit").headers, undefined, "not asked for");
      assert.equal(httpOf(response, "responseInit").httpStatus, 200);
      assert.ok(httpOf(end, "responseEnd").eos, "present although it says nothing");
      const isClient = side === "client";
      const { OUTBOUND, INBOUND } = TapEvent_ProxyDirection;
      assert.equal(request.proxyDirection, isClient ? OUTBOUND : INBOUND);
      assert.equal(request.destination?.port, 8080);
      const labels = request.destinationMeta!.labels;
      if (isClient) assert.deepEqual([labels.deployment, labels.server_id], ["web", SERVER_IDENTITY]);
      else assert.deepEqual([labels.srv_name, labels.tls], ["all-authenticated", "loopback"]);
      assert.equal(request.sourceMeta!.labels.client_id, isClient ? undefined : CLIENT_IDENTITY);
      grpc.close();
    }
  });

  test("headers come when asked for, with credentials masked", async () => {
    const grpc = await open("server");
    const call = grpc.call(OBSERVE, ObserveRequestSchema, TapEventSchema, {
      limit: 1,
      match: everything,
      extract: withHeaders,
    });
    await requestUntilSeen(() => call.messages.length > 0);
    await call.ended;
    const text = (event: TapEvent, kind: "requestInit" | "responseInit") =>
      httpOf(event, kind).headers?.headers.map(
        ({ name, value }) => `${name.toLowerCase()}: ${Buffer.from(value)}`,
      );
    assert.ok(text(call.messages[0]!, "requestInit")?.includes("authorization: ***"));
    assert.ok(text(call.messages[1]!, "responseInit")?.includes("set-cookie: ***"));
    grpc.close();
  });

  test("only what matches counts towards the limit", async () => {
    const grpc = await open("client");
    const exact = { match: { case: "exact", value: "/wanted" } } as const;
    const call = grpc.call(OBSERVE, ObserveRequestSchema, TapEventSchema, {
      limit: 1,
      match: { match: { case: "http", value: { match: { case: "path", value: exact } } } },
    });
    await (await fetch(`http://${pair.entrance}/other`)).arrayBuffer();
    await requestUntilSeen(() => call.messages.length > 0, "/wanted");
    await call.ended;
    assert.equal(httpOf(call.messages[0]!, "requestInit").path, "/wanted");
    grpc.close();
  });

  test("a request that cannot be followed is INVALID_ARGUMENT", async () => {
    const grpc = await open("server");
    const observe = (request: object) =>
      grpc.call(OBSERVE, ObserveRequestSchema, TapEventSchema, request).ended;
    assert.equal((await observe({ limit: 0, match: everything })).status, "3");
    assert.equal((await observe({ limit: 1 })).status, "3");
    const unknown = grpc.call("/io.linkerd.proxy.tap.Tap/Other", ObserveRequestSchema, TapEventSchema, {
      limit: 1,
    });
    assert.equal((await unknown.ended).status, "12");
    grpc.close();
  });

  test("another identity is refused, and so is who speaks no TLS", async () => {
    const grpc = await open("server", CLIENT_IDENTITY);
    const call = grpc.call(OBSERVE, ObserveRequestSchema, TapEventSchema, { limit: 1, match: everything });
    assert.deepEqual(await call.ended, { status: "16", message: "Unauthorized client" });
    grpc.close();
    const session = http2.connect(`http://127.0.0.1:${ports.server}`);
    const stream = session.request({
      ":method": "POST",
      ":path": OBSERVE,
      "content-type": "application/grpc",
    });
    stream.end();
    const headers = await new Promise<http2.IncomingHttpHeaders>((resolve) =>
      stream.once("response", resolve),
    );
    assert.deepEqual([headers["grpc-status"], headers["grpc-message"]], ["16", "no_tls_from_remote"]);
    session.destroy();
  });

  test("a viewer that leaves in the middle takes nothing with it", async () => {
    const grpc = await open("server");
    const call = grpc.call(OBSERVE, ObserveRequestSchema, TapEventSchema, {
      limit: 1_000_000,
      match: everything,
      extract: withHeaders,
    });
    await requestUntilSeen(() => call.messages.length > 0);
    call.cancel();
    grpc.close();
    assert.equal((await fetch(`http://${pair.entrance}/`)).status, 200);
  });
});

interface HttpEvents {
  readonly requestInit: TapEvent_Http_RequestInit;
  readonly responseInit: TapEvent_Http_ResponseInit;
  readonly responseEnd: TapEvent_Http_ResponseEnd;
}

function kindOf(event: TapEvent): string | undefined {
  return event.event.case === "http" ? event.event.value.event.case : undefined;
}

function httpOf<K extends keyof HttpEvents>(event: TapEvent, kind: K): HttpEvents[K] {
  assert.equal(kindOf(event), kind);
  return event.event.value!.event.value as HttpEvents[K];
}
