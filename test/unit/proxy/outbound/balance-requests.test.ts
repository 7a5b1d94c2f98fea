import assert from "node:assert/strict";
import { test } from "node:test";
import { MeshError } from "../../../../src/base/error.ts";
import { LiveSet } from "../../../../src/net/live-set.ts";
import { LiveExchange } from "../../../../src/observe/live-exchange.ts";
import { createRecorder } from "../../../../src/observe/recorder.ts";
import { Balancer } from "../../../../src/proxy/balance/balancer.ts";
import type { ProxyDependencies } from "../../../../src/proxy/dependencies.ts";
import type { ClientChannel } from "../../../../src/proxy/http/client-channel.ts";
import type { HttpOrigin } from "../../../../src/proxy/http/origin.ts";
import { ServerExchange } from "../../../../src/proxy/http/server-exchange.ts";
import { balanceRequests } from "../../../../src/proxy/outbound/balance-requests.ts";
import { RequestHead } from "../../../../src/wire/http1-head.ts";
import { FakeClock, settle } from "../../../support/clock.ts";

const REFUSED = new MeshError({ kind: "environment", code: "DIAL_FAILED", message: "refused" });

test("a client that leaves while its request waits for another endpoint than the one that refused takes it along", async () => {
  const clock = new FakeClock();
  const connecting: PromiseWithResolvers<ClientChannel>[] = [];
  const origin = {
    upgrades: false,
    take: () => undefined,
    connect: () => {
      const next = Promise.withResolvers<ClientChannel>();
      connecting.push(next);
      return next.promise;
    },
    close() {},
  };
  const balancer = new Balancer<HttpOrigin>({
    name: "web:80",
    clock,
    random: () => 0,
    defaultRttMs: 30,
    decayMs: 10_000,
    queueCapacity: 10,
    failfastTimeoutMs: 3000,
    backoff: { minMs: 100, maxMs: 100, jitterRatio: 0 },
    create: () => origin as unknown as HttpOrigin,
  });
  const endpoint = {
    address: "10.0.0.1:80",
    ip: "10.0.0.1",
    port: 80,
    weight: 1,
    labels: {},
    tls: undefined,
    protocolHint: undefined,
    opaqueTransportPort: undefined,
    authorityOverride: undefined,
  };
  balancer.update(new Map([[endpoint.address, endpoint]]));
  const deps = { clock, config: { inbound: { ips: undefined } } } as unknown as ProxyDependencies;
  const exchange = new ServerExchange({
    request: new RequestHead(),
    live: new LiveExchange("outbound", "http/1"),
    recorder: createRecorder({ clock, observers: [] }),
    connection: {
      attachBody() {},
      resumeBody() {},
      sendInterim() {},
      sendHead() {},
      sendData: () => true,
      sendEnd() {},
      upgrade: () => assert.fail("no tunnels here"),
      cut() {},
    },
    rescue: () => assert.fail("nothing failed"),
  });
  balanceRequests(new LiveSet(), deps).handle(exchange, balancer);
  connecting[0]!.reject(REFUSED);
  await settle();
  assert.equal(balancer.isBusy, true, "it waits for an endpoint");
  exchange.clientGone("client closed the connection");
  assert.equal(balancer.isBusy, false);
  clock.advance(100);
  assert.equal(connecting.length, 1, "the endpoint's next trial is not for a client that has gone");
});
