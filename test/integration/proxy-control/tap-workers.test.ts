import assert from "node:assert/strict";
import { once } from "node:events";
import http, { type IncomingMessage } from "node:http";
import { after, before, describe, test } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type ObserveRequest_MatchSchema,
  ObserveRequestSchema,
  type TapEvent,
  type TapEvent_Http,
  TapEventSchema,
} from "../../../src/api/gen/io/linkerd/proxy/tap_pb.js";
import { meshClientOptions } from "../../../src/identity/mesh-tls.ts";
import { freePort } from "../../support/free-port.ts";
import {
  type ProxyPair,
  SERVER_IDENTITY,
  serverPolicy,
  skipProxyPair,
  startProxyPair,
} from "../../support/proxy-pair.ts";
import { openRawGrpc, type RawCall } from "../../support/raw-grpc.ts";
import { until } from "../../support/until.ts";

const VIEWER = "tap.viz.serviceaccount.identity.meshctl.cluster.local";
const OBSERVE = "/io.linkerd.proxy.tap.Tap/Observe";
/** 2^40: where the numbers of the second worker's requests begin. */
const SECOND_WORKER = 2n ** 40n;
const EVERYBODY = {
  metadata: { kind: { case: "default", value: "everybody" } },
  networks: [{ net: { ip: { ip: { case: "ipv4", value: 0 } }, prefixLen: 0 } }],
  authentication: { permit: { case: "unauthenticated", value: {} } },
};
const everything: MessageInitShape<typeof ObserveRequest_MatchSchema> = {
  match: { case: "all", value: { matches: [] } },
};

describe("tap in Linkerd's protocol, of two workers", { skip: skipProxyPair }, () => {
  let pair: ProxyPair;
  let tapPort: number;

  before(async () => {
    tapPort = await freePort("127.0.0.1");
    pair = await startProxyPair({
      serverWorkers: 2,
      application: (_request, response) => response.end("hello"),
      serverEnv: { TAP_SVC_NAME: VIEWER, CONTROL_LISTEN_ADDR: `127.0.0.1:${tapPort}` },
    });
    for (const watch of pair.watches) watch.send(serverPolicy([EVERYBODY]));
    await until("everybody to be let in", async () => (await get()) === 200);
  });
  after(() => pair?.stop());

  /** On a connection of its own: the kernel gives each to one of the workers. */
  async function get(): Promise<number> {
    const [host, port] = pair.applicationAddress.split(":");
    const [response] = (await once(http.get({ host, port, agent: false }), "response")) as [IncomingMessage];
    await response.resume().toArray();
    return response.statusCode!;
  }

  async function open(identity = VIEWER) {
    const credentials = await pair.ca.credentials(identity);
    const names = { serverName: SERVER_IDENTITY, expectIdentity: SERVER_IDENTITY };
    return openRawGrpc(tapPort, meshClientOptions(credentials, names));
  }

  const httpOf = (event: TapEvent): TapEvent_Http["event"] => {
    assert.equal(event.event.case, "http");
    return (event.event.value as TapEvent_Http).event;
  };
  const streamOf = (event: TapEvent): bigint => httpOf(event).value!.id!.stream;

  test("the viewer sees what passes through either of them, head to end, under numbers of their own", async () => {
    const grpc = await open();
    const call: RawCall<typeof TapEventSchema> = grpc.call(OBSERVE, ObserveRequestSchema, TapEventSchema, {
      limit: 10_000,
      match: everything,
    });
    await until("an end from each worker", async () => {
      await get();
      const ended = call.messages.filter((event) => httpOf(event).case === "responseEnd").map(streamOf);
      return (
        ended.some((stream) => stream < SECOND_WORKER) && ended.some((stream) => stream >= SECOND_WORKER)
      );
    });
    const kinds = new Map<bigint, string[]>();
    for (const event of call.messages) {
      kinds.set(streamOf(event), [...(kinds.get(streamOf(event)) ?? []), String(httpOf(event).case)]);
    }
    for (const told of kinds.values()) {
      assert.deepEqual(told, ["requestInit", "responseInit", "responseEnd"].slice(0, told.length));
    }
    grpc.close();
  });

  test("the limit holds for all of them together, and the call ends with the last response", async () => {
    const grpc = await open();
    const call: RawCall<typeof TapEventSchema> = grpc.call(OBSERVE, ObserveRequestSchema, TapEventSchema, {
      limit: 3,
      match: everything,
    });
    let isOver = false;
    void call.ended.then(() => {
      isOver = true;
    });
    await until("the call to end", async () => {
      await Promise.all(Array.from({ length: 8 }, get));
      return isOver;
    });
    assert.equal((await call.ended).status, "0");
    const count = (kind: string) => call.messages.filter((event) => httpOf(event).case === kind).length;
    assert.deepEqual(["requestInit", "responseInit", "responseEnd"].map(count), [3, 3, 3]);
    grpc.close();
  });

  test("a match that cannot be, and a viewer who may not, are refused", async () => {
    const grpc = await open();
    const none = { limit: 0, match: everything };
    const impossible = grpc.call(OBSERVE, ObserveRequestSchema, TapEventSchema, none);
    assert.equal((await impossible.ended).status, "3");
    grpc.close();
    const other = await open("other.demo.serviceaccount.identity.meshctl.cluster.local");
    const call = other.call(OBSERVE, ObserveRequestSchema, TapEventSchema, { limit: 1, match: everything });
    assert.equal((await call.ended).status, "16");
    other.close();
  });
});
