import type { KubeObject } from "../../../base/kube-object.ts";
import { isOpaquePort } from "../../index/pod-facts.ts";
import type { PolicyReader } from "./policy-reader.ts";
import { parseServer, type ServerSpec, selectsPort } from "./server-spec.ts";

export interface SelectedServer {
  readonly object: KubeObject;
  readonly spec: ServerSpec;
}

/** Servers that select the same port do not add up: the oldest wins, then the first by name. */
export function findServer(
  { index, track, note }: PolicyReader,
  pod: KubeObject,
  port: number,
): SelectedServer | undefined {
  const namespace = pod.metadata.namespace ?? "";
  let found: SelectedServer | undefined;
  for (const object of index.serversAround(pod, track)) {
    const spec = parseServer(object).value;
    if (!spec || !selectsPort(spec, pod, port)) continue;
    if (found) {
      const [server, older] = [object, found.object].map(({ metadata }) => `${namespace}/${metadata.name}`);
      note?.("Server not used: an older one selects the same port", { server: server!, older: older! });
      break;
    }
    found = { object, spec };
    if (!note) break;
  }
  return found;
}

/** Whether nobody should look into what a port carries: clients then send their bytes as they are, as the pod's proxy expects. */
export function carriesOpaqueBytes(reader: PolicyReader, pod: KubeObject, port: number): boolean {
  return (
    isOpaquePort(pod, port, reader.settings) || findServer(reader, pod, port)?.spec.protocol === "opaque"
  );
}
