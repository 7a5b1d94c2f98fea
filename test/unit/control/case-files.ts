import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  create,
  type DescMessage,
  type DescMethod,
  type MessageInitShape,
  type MessageShape,
} from "@bufbuild/protobuf";
import { parseAllDocuments } from "yaml";
import { Destination } from "../../../src/api/gen/io/linkerd/proxy/destination_pb.js";
import { InboundServerPolicies } from "../../../src/api/gen/io/linkerd/proxy/inbound_pb.js";
import { OutboundPolicies } from "../../../src/api/gen/io/linkerd/proxy/outbound_pb.js";
import type { KubeObject } from "../../../src/base/kube-object.ts";
import type { ControlSettings } from "../../../src/control/control-settings.ts";
import type { ClusterIndex } from "../../../src/control/index/cluster-index.ts";
import { encodeAddress } from "../../../src/control/serve/encode-values.ts";

const CASES = fileURLToPath(new URL("./cases/", import.meta.url));

/** A question of a proxy. */
interface Query {
  readonly call: "get" | "getProfile" | "watchPort" | "watch";
  /** For destination: `name:port`; for watch: `authority` or `ip:port`. */
  readonly path?: string;
  readonly ip?: string;
  readonly port?: number;
  readonly token?: unknown;
  readonly settings?: Partial<ControlSettings>;
}

/**
 * A folder in `cases`: `objects.yaml` is the cluster, `query.json` what a proxy asks, `then.yaml` (if any) what changes afterwards
 * (an object annotated `test/event: delete` goes), `expected.json` the messages, or the error.
 */
export interface ControlCase {
  readonly name: string;
  readonly settings: Partial<ControlSettings>;
  readonly method: DescMethod;
  readonly request: MessageShape<DescMessage>;
  readonly objects: readonly KubeObject[];
  readonly changes: readonly KubeObject[];
  readonly expectedFile: string;
}

export function caseNames(): string[] {
  return readdirSync(CASES);
}

export function readCase(name: string): ControlCase {
  const file = (base: string) => join(CASES, name, base);
  const query = JSON.parse(readFileSync(file("query.json"), "utf8")) as Query;
  return {
    name,
    settings: query.settings ?? {},
    ...requestOf(query),
    objects: readObjects(file("objects.yaml")),
    changes: existsSync(file("then.yaml")) ? readObjects(file("then.yaml")) : [],
    expectedFile: file("expected.json"),
  };
}

/** Applies the objects, or deletes those that say so. */
export function applyAll(index: ClusterIndex, objects: readonly KubeObject[]): void {
  for (const object of objects) {
    if (object.metadata.annotations?.["test/event"] === "delete") index.delete(object);
    else index.apply(object);
  }
}

function readObjects(file: string): KubeObject[] {
  return parseAllDocuments(readFileSync(file, "utf8")).map((document) => document.toJS() as KubeObject);
}

function requestOf(query: Query): Pick<ControlCase, "method" | "request"> {
  const token = JSON.stringify(query.token ?? {});
  const of = <I extends DescMessage>(
    method: DescMethod & { readonly input: I },
    request: MessageInitShape<I>,
  ) => ({ method, request: create(method.input, request) });
  switch (query.call) {
    case "get":
      return of(Destination.method.get, { path: query.path!, contextToken: token });
    case "getProfile":
      return of(Destination.method.getProfile, { path: query.path!, contextToken: token });
    case "watchPort":
      return of(InboundServerPolicies.method.watchPort, { workload: token, port: query.port! });
    case "watch": {
      const target =
        query.ip === undefined
          ? { case: "authority" as const, value: query.path! }
          : { case: "addr" as const, value: encodeAddress(query.ip, query.port!) };
      const sourceWorkload = JSON.stringify(query.token ?? { ns: "demo", pod: "client" });
      return of(OutboundPolicies.method.watch, { sourceWorkload, target });
    }
  }
}
