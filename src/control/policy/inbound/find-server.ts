import type { KubeObject } from "../../../base/kube-object.ts";
import { CUSTOM_KINDS } from "../../index/custom-kinds.ts";
import { isOpaquePort } from "../../index/pod-facts.ts";
import type { PolicyReader } from "./policy-reader.ts";
import { parseServer, type ServerSpec, selectsPort } from "./server-spec.ts";

export interface SelectedServer {
  readonly object: KubeObject;
  readonly spec: ServerSpec;
}

/** Servers that select the same port do not add up: the oldest wins, then the first by name. */
export function findServer(
  { index, track }: PolicyReader,
  pod: KubeObject,
  port: number,
): SelectedServer | undefined {
  for (const object of index.custom.list(CUSTOM_KINDS.server, pod.metadata.namespace ?? "", track)) {
    const spec = parseServer(object).value;
    if (spec && selectsPort(spec, pod, port)) return { object, spec };
  }
  return undefined;
}

/** Whether nobody should look into what a port carries: clients then send their bytes as they are, as the pod's proxy expects. */
export function carriesOpaqueBytes(reader: PolicyReader, pod: KubeObject, port: number): boolean {
  return (
    isOpaquePort(pod, port, reader.settings) || findServer(reader, pod, port)?.spec.protocol === "opaque"
  );
}
