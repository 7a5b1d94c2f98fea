import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { type DescMessage, type DescMethod, type MessageInitShape, toJson } from "@bufbuild/protobuf";
import { parseAllDocuments } from "yaml";
import { Destination } from "../../../src/api/gen/io/linkerd/proxy/destination_pb.js";
import { InboundServerPolicies } from "../../../src/api/gen/io/linkerd/proxy/inbound_pb.js";
import { OutboundPolicies } from "../../../src/api/gen/io/linkerd/proxy/outbound_pb.js";
import type { KubeObject } from "../../../src/base/kube-object.ts";
import { silentLogger } from "../../../src/base/log.ts";
import type { ControlSettings } from "../../../src/control/control-settings.ts";
import { destinationMethods } from "../../../src/control/destination/destination-methods.ts";
import { ClusterIndex } from "../../../src/control/index/cluster-index.ts";
import { Views } from "../../../src/control/index/view.ts";
import { policyMethods } from "../../../src/control/policy/policy-methods.ts";
import { encodeAddress } from "../../../src/control/serve/encode-values.ts";
import { grpcCodeName } from "../../../src/control/serve/grpc-error.ts";
import { decodeFrame } from "../../../src/control/serve/grpc-method.ts";
import { createRegistry } from "../../../src/metrics/registry.ts";
import { FakeClock, settle } from "../../support/clock.ts";
import { TestCall } from "../../support/test-call.ts";
import { TEST_SETTINGS } from "./settings.ts";

/**
 * Each folder in `cases` is one: `objects.yaml` is the cluster, `query.json` what a proxy asks, `then.yaml` (if any) what changes
 * afterwards (an object annotated `test/event: delete` goes), `expected.json` the messages, or the error.
 */
const CASES = fileURLToPath(new URL("./cases/", import.meta.url));

interface Query {
  readonly call: "get" | "getProfile" | "watchPort" | "watch";
  /** For destination: `name:port`; for watch: `authority` or `ip:port`. */
  readonly path?: string;
  readonly ip?: string;
  readonly port?: number;
  readonly token?: unknown;
  readonly settings?: Partial<ControlSettings>;
}

function readObjects(file: string): KubeObject[] {
  return parseAllDocuments(readFileSync(file, "utf8")).map((document) => document.toJS() as KubeObject);
}

/** Begins the call that a query is about. */
function open(
  index: ClusterIndex,
  views: Views,
  query: Query,
): { readonly output: DescMessage; readonly call: TestCall } {
  const settings = { ...TEST_SETTINGS, ...query.settings };
  const shared = { index, views, settings, ready: Promise.resolve() };
  const methods = [
    ...destinationMethods({ ...shared, metrics: createRegistry({ clock: new FakeClock() }) }),
    ...policyMethods({ ...shared, log: silentLogger }),
  ];
  const token = JSON.stringify(query.token ?? {});
  const begin = <I extends DescMessage>(
    method: DescMethod & { readonly input: I },
    request: MessageInitShape<I>,
  ) => ({ output: method.output, call: TestCall.open(methods, method, request) });
  switch (query.call) {
    case "get":
      return begin(Destination.method.get, { path: query.path!, contextToken: token });
    case "getProfile":
      return begin(Destination.method.getProfile, { path: query.path!, contextToken: token });
    case "watchPort":
      return begin(InboundServerPolicies.method.watchPort, { workload: token, port: query.port! });
    case "watch": {
      const target =
        query.ip === undefined
          ? { case: "authority" as const, value: query.path! }
          : { case: "addr" as const, value: encodeAddress(query.ip, query.port!) };
      const sourceWorkload = JSON.stringify(query.token ?? { ns: "demo", pod: "client" });
      return begin(OutboundPolicies.method.watch, { sourceWorkload, target });
    }
  }
}

/** Everything that is in memory happens within a few turns of the event loop. */
async function quiet(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await settle();
}

for (const name of readdirSync(CASES)) {
  test(`control plane answers as expected: ${name}`, async (t) => {
    const folder = join(CASES, name);
    const query = JSON.parse(readFileSync(join(folder, "query.json"), "utf8")) as Query;
    const index = new ClusterIndex();
    const views = new Views(index.topics);
    for (const object of readObjects(join(folder, "objects.yaml"))) index.apply(object);
    const { output, call } = open(index, views, query);
    await quiet();
    if (readdirSync(folder).includes("then.yaml")) {
      for (const object of readObjects(join(folder, "then.yaml"))) {
        if (object.metadata.annotations?.["test/event"] === "delete") index.delete(object);
        else index.apply(object);
      }
      await quiet();
    }
    const seen: unknown[] = call.frames.map((frame) => toJson(output, decodeFrame(output, frame)));
    if (call.error) seen.push({ error: grpcCodeName(call.error.code), message: call.error.message });
    t.assert.fileSnapshot(seen, join(folder, "expected.json"), {
      serializers: [(value) => `${JSON.stringify(value, null, 2)}\n`],
    });
    call.cancel();
    assert.equal(views.size, 0, "a stream that ended left its view behind");
    assert.equal(index.topics.size, 0, "a view that ended left its topics behind");
  });
}
