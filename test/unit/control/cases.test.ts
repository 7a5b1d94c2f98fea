import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { type DescMessage, type Message, toJson } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { parseAllDocuments } from "yaml";
import {
  Destination,
  DestinationProfileSchema,
  UpdateSchema,
} from "../../../src/api/gen/io/linkerd/proxy/destination_pb.js";
import { InboundServerPolicies, ServerSchema } from "../../../src/api/gen/io/linkerd/proxy/inbound_pb.js";
import { OutboundPolicies, OutboundPolicySchema } from "../../../src/api/gen/io/linkerd/proxy/outbound_pb.js";
import { tryParseNetwork } from "../../../src/base/ip.ts";
import type { KubeObject } from "../../../src/base/kube-object.ts";
import { silentLogger } from "../../../src/base/log.ts";
import type { ControlSettings } from "../../../src/control/control-settings.ts";
import { destinationRoutes } from "../../../src/control/destination/destination-routes.ts";
import { ClusterIndex } from "../../../src/control/index/cluster-index.ts";
import { Views } from "../../../src/control/index/view.ts";
import { policyRoutes } from "../../../src/control/policy/policy-routes.ts";
import { encodeAddress } from "../../../src/control/serve/encode-values.ts";
import { parsePortRanges } from "../../../src/values/port-ranges.ts";
import { settle } from "../../support/clock.ts";

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

const SETTINGS: ControlSettings = {
  namespace: "meshctl",
  trustDomain: "cluster.local",
  clusterDomain: "cluster.local",
  clusterNetworks: [tryParseNetwork("10.0.0.0/8")!],
  defaultInboundPolicy: "all-unauthenticated",
  defaultOpaquePorts: parsePortRanges("25,3306,6379").ranges,
  enableH2Upgrade: false,
  enableIpv6: false,
  inboundPort: 4143,
};

function readObjects(file: string): KubeObject[] {
  return parseAllDocuments(readFileSync(file, "utf8")).map((document) => document.toJS() as KubeObject);
}

function open(
  index: ClusterIndex,
  views: Views,
  query: Query,
  signal: AbortSignal,
): { schema: DescMessage; stream: AsyncIterable<Message> } {
  const settings = { ...SETTINGS, ...query.settings };
  const shared = { index, views, settings, ready: Promise.resolve() };
  const transport = createRouterTransport((router) => {
    destinationRoutes(shared)(router);
    policyRoutes({ ...shared, log: silentLogger })(router);
  });
  const token = JSON.stringify(query.token ?? {});
  const destination = createClient(Destination, transport);
  switch (query.call) {
    case "get":
      return {
        schema: UpdateSchema,
        stream: destination.get({ path: query.path!, contextToken: token }, { signal }),
      };
    case "getProfile":
      return {
        schema: DestinationProfileSchema,
        stream: destination.getProfile({ path: query.path!, contextToken: token }, { signal }),
      };
    case "watchPort":
      return {
        schema: ServerSchema,
        stream: createClient(InboundServerPolicies, transport).watchPort(
          { workload: token, port: query.port! },
          { signal },
        ),
      };
    case "watch": {
      const target =
        query.ip === undefined
          ? { case: "authority" as const, value: query.path! }
          : { case: "addr" as const, value: encodeAddress(query.ip, query.port!) as never };
      const sourceWorkload = JSON.stringify(query.token ?? { ns: "demo", pod: "client" });
      return {
        schema: OutboundPolicySchema,
        stream: createClient(OutboundPolicies, transport).watch({ sourceWorkload, target }, { signal }),
      };
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
    const ended = new AbortController();
    const { schema, stream } = open(index, views, query, ended.signal);
    const seen: unknown[] = [];
    const iterator = stream[Symbol.asyncIterator]();
    const reading = (async () => {
      try {
        for (let step = await iterator.next(); !step.done; step = await iterator.next())
          seen.push(toJson(schema, step.value));
      } catch (error) {
        if (ended.signal.aborted) return;
        const { code, rawMessage } = ConnectError.from(error);
        seen.push({ error: Code[code], message: rawMessage });
      }
    })();
    await quiet();
    if (readdirSync(folder).includes("then.yaml")) {
      for (const object of readObjects(join(folder, "then.yaml"))) {
        if (object.metadata.annotations?.["test/event"] === "delete") index.delete(object);
        else index.apply(object);
      }
      await quiet();
    }
    t.assert.fileSnapshot(seen, join(folder, "expected.json"), {
      serializers: [(value) => `${JSON.stringify(value, null, 2)}\n`],
    });
    ended.abort();
    await reading;
    await quiet();
    assert.equal(views.size, 0, "a stream that ended left its view behind");
    assert.equal(index.topics.size, 0, "a view that ended left its topics behind");
  });
}
