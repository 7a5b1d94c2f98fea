import assert from "node:assert/strict";
import { test } from "node:test";
import { toJson } from "@bufbuild/protobuf";
import { silentLogger } from "../../../src/base/log.ts";
import { destinationMethods } from "../../../src/control/destination/destination-methods.ts";
import { ClusterIndex } from "../../../src/control/index/cluster-index.ts";
import { Views } from "../../../src/control/index/view.ts";
import { policyMethods } from "../../../src/control/policy/policy-methods.ts";
import { grpcCodeName } from "../../../src/control/serve/grpc-error.ts";
import { decodeFrame } from "../../../src/control/serve/grpc-method.ts";
import { createRegistry } from "../../../src/metrics/registry.ts";
import { FakeClock, settle } from "../../support/clock.ts";
import { TestCall } from "../../support/test-call.ts";
import { applyAll, type ControlCase, caseNames, readCase } from "./case-files.ts";
import { TEST_SETTINGS } from "./settings.ts";

/** Begins the call that a case is about. */
function open(index: ClusterIndex, views: Views, { settings, method, request }: ControlCase): TestCall {
  const shared = { index, views, settings: { ...TEST_SETTINGS, ...settings }, ready: Promise.resolve() };
  const methods = [
    ...destinationMethods({ ...shared, metrics: createRegistry({ clock: new FakeClock() }) }),
    ...policyMethods({ ...shared, log: silentLogger }),
  ];
  return TestCall.open(methods, method, request);
}

/** Everything that is in memory happens within a few turns of the event loop. */
async function quiet(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await settle();
}

for (const name of caseNames()) {
  test(`control plane answers as expected: ${name}`, async (t) => {
    const given = readCase(name);
    const { output } = given.method;
    const index = new ClusterIndex();
    const views = new Views(index.topics);
    applyAll(index, given.objects);
    const call = open(index, views, given);
    await quiet();
    applyAll(index, given.changes);
    await quiet();
    const seen: unknown[] = call.frames.map((frame) => toJson(output, decodeFrame(output, frame)));
    if (call.error) seen.push({ error: grpcCodeName(call.error.code), message: call.error.message });
    t.assert.fileSnapshot(seen, given.expectedFile, {
      serializers: [(value) => `${JSON.stringify(value, null, 2)}\n`],
    });
    call.cancel();
    assert.equal(views.size, 0, "a stream that ended left its view behind");
    assert.equal(index.topics.size, 0, "a view that ended left its topics behind");
  });
}
