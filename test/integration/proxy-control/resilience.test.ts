import assert from "node:assert/strict";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type TestContext, test } from "node:test";
import { fromJson, type JsonValue, type MessageInitShape } from "@bufbuild/protobuf";
import {
  Destination,
  DestinationProfileSchema,
} from "../../../src/api/gen/io/linkerd/proxy/destination_pb.js";
import { OutboundPolicies, OutboundPolicySchema } from "../../../src/api/gen/io/linkerd/proxy/outbound_pb.js";
import { type ProxyPair, skipProxyPair, startProxyPair } from "../../support/proxy-pair.ts";

const NAME = "web.demo.svc.cluster.local";
const SERVICE = { resource: { group: "core", kind: "Service", namespace: "demo", name: "web", port: 80 } };
const BACKOFF = { minBackoff: "0.001s", maxBackoff: "0.002s" };

/** A policy for HTTP whose only rule leads to the service. */
function policyOf(rule: object, failureAccrual?: object): MessageInitShape<typeof OutboundPolicySchema> {
  const backend = {
    metadata: SERVICE,
    queue: { capacity: 100, failfastTimeout: "3s" },
    balancer: {
      discovery: { dst: { path: `${NAME}:80` } },
      peakEwma: { defaultRtt: "0.03s", decay: "10s" },
    },
  };
  const rules = [{ backends: { firstAvailable: { backends: [{ backend }] } }, ...rule }];
  const http1 = {
    routes: [{ metadata: { default: "http" }, rules }],
    ...(failureAccrual && { failureAccrual }),
  };
  return fromJson(OutboundPolicySchema, { metadata: SERVICE, protocol: { http1 } } as JsonValue);
}

function profileOf(profile: object): MessageInitShape<typeof DestinationProfileSchema> {
  return fromJson(DestinationProfileSchema, { fullyQualifiedName: NAME, ...profile } as JsonValue);
}

/** Proxies before an application that answers in turn with these statuses, then as the rest says. */
async function pairOf(
  t: TestContext,
  statuses: readonly number[],
  rest: (count: number) => number = () => 200,
) {
  const asked: IncomingMessage[] = [];
  const pair = await startProxyPair({
    application(request: IncomingMessage, response: ServerResponse) {
      const count = asked.push(request);
      response.statusCode = statuses[count - 1] ?? rest(count);
      response.end();
    },
    // It bounds discovery too, which takes its time on a busy machine.
    clientEnv: { OUTBOUND_HTTP_FAILFAST_TIMEOUT: "2s" },
  });
  t.after(() => pair.stop());
  return { pair, asked };
}

const get = async (pair: ProxyPair, path: string): Promise<number> => {
  const response = await fetch(`http://${pair.entrance}${path}`, { signal: AbortSignal.timeout(10_000) });
  await response.arrayBuffer();
  return response.status;
};

test("retries and breakers bind as the control plane sends them", { skip: skipProxyPair }, async (t) => {
  const { pair, asked } = await pairOf(t, [503, 200, 500, 500, 500]);
  const retry = {
    maxRetries: 1,
    maxRequestBytes: 65536,
    conditions: { statusRanges: [{ start: 503, end: 503 }] },
    backoff: BACKOFF,
  };
  const consecutiveFailures = { maxFailures: 3, backoff: { minBackoff: "3600s", maxBackoff: "3600s" } };
  pair.plane.answer(OutboundPolicies.method.watch, (call) =>
    call.send(policyOf({ retry }, { consecutiveFailures })),
  );
  assert.equal(await get(pair, "/"), 200);
  assert.equal(asked.length, 2);
  for (let round = 0; round < 3; round++) assert.equal(await get(pair, "/"), 500);
  assert.equal(
    await get(pair, "/"),
    504,
    "the only endpoint is ejected: nothing comes within the failfast time",
  );
  assert.equal(asked.length, 5);
});

test("a ServiceProfile's routes bind, and follow its changes", { skip: skipProxyPair }, async (t) => {
  const { pair, asked } = await pairOf(t, [500, 200, 500], (count) => (count % 2 === 0 ? 418 : 200));
  const routeOf = (condition: object, change: object) => ({
    condition,
    metricsLabels: { route: "r" },
    isRetryable: true,
    ...change,
  });
  const retryBudget = { retryRatio: 0.2, minRetriesPerSecond: 10, ttl: "10s" };
  const { plane } = pair;
  let change: (profile: object) => void = () => {};
  plane.answer(Destination.method.getProfile, (call) => {
    change = (profile) => call.send(profileOf(profile));
    change({ retryBudget, routes: [routeOf({ path: { regex: "/retried" } }, {})] });
  });
  assert.equal(await get(pair, "/retried"), 200);
  assert.equal(await get(pair, "/other"), 500);
  assert.equal(asked.length, 3);
  assert.equal(asked[0]!.headers["l5d-dst-canonical"], `${NAME}:80`);
  const responseClasses = [
    { condition: { status: { min: 500, max: 599 } }, isFailure: false },
    { condition: { status: { min: 418, max: 418 } }, isFailure: true },
  ];
  change({ retryBudget, routes: [routeOf({ all: { matches: [] } }, { responseClasses })] });
  // Every other answer is a failure now: two successes in a row are only to be had by retrying. The message travels by itself, so that
  // what is asked meanwhile may still follow the old routes.
  let inRow = 0;
  for (let round = 0; inRow < 2 && round < 1000; round++) {
    inRow = (await get(pair, "/other")) === 200 ? inRow + 1 : 0;
  }
  assert.equal(inRow, 2);
});

test("with the control plane away nothing changes", { skip: skipProxyPair }, async (t) => {
  const { pair } = await pairOf(t, []);
  assert.equal(await get(pair, "/before"), 200);
  await pair.plane.close();
  for (let round = 0; round < 10; round++) assert.equal(await get(pair, "/after"), 200);
});
