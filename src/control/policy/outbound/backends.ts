import type { MessageInitShape } from "@bufbuild/protobuf";
import type { BackendSchema } from "../../../api/gen/io/linkerd/proxy/outbound_pb.js";
import type { ControlSettings } from "../../control-settings.ts";
import type { ClusterIndex } from "../../index/cluster-index.ts";
import type { Track } from "../../index/view.ts";
import {
  defaultMetadata,
  encodeAddress,
  encodeDuration,
  serviceMetadata,
} from "../../serve/encode-values.ts";
import { encodeLoad, type Resilience } from "../resilience.ts";
import { backendProblem } from "../routes/accept-route.ts";
import type { ParentView } from "../routes/attached-routes.ts";
import type { ReadBackend } from "../routes/read-route.ts";

/** A proxy uses its own queue settings, but demands these. */
const QUEUE = { capacity: 100, failfastTimeout: encodeDuration(3000) };

export type BackendInit = MessageInitShape<typeof BackendSchema>;

/** What the backends of a policy are resolved with. */
export interface BackendContext {
  readonly parent: ParentView;
  /** Where traffic goes that no rule sends elsewhere: the parent itself. */
  readonly parentBackend: BackendInit;
  readonly index: ClusterIndex;
  readonly track: Track;
  readonly settings: ControlSettings;
  /** The parent's, which holds for all its backends. */
  readonly penalty: Resilience["penalty"];
}

/** A Service's endpoints, balanced. */
export function serviceBackend(
  namespace: string,
  name: string,
  port: number,
  { clusterDomain }: ControlSettings,
  penalty: Resilience["penalty"],
): BackendInit {
  return {
    metadata: serviceMetadata(namespace, name, port),
    kind: {
      case: "balancer",
      value: {
        discovery: {
          kind: { case: "dst", value: { path: `${name}.${namespace}.svc.${clusterDomain}:${port}` } },
        },
        load: encodeLoad(penalty),
      },
    },
    queue: QUEUE,
  };
}

/** One address, whatever is there. */
export function forwardBackend(metadata: BackendInit["metadata"], ip: string, port: number): BackendInit {
  return {
    ...(metadata && { metadata }),
    kind: { case: "forward", value: { addr: encodeAddress(ip, port), weight: 1 } },
    queue: QUEUE,
  };
}

/** No kind: whoever draws it fails, with what its filter says. */
const INVALID: BackendInit = { metadata: defaultMetadata("invalid"), queue: QUEUE };

/** One entry of `backendRefs`; with a problem, its requests fail with that message instead of going to another backend. */
export function resolveBackend(
  { ref, problem }: ReadBackend,
  { parent, parentBackend, index, track, settings, penalty }: BackendContext,
): { readonly backend: BackendInit; readonly problem: string | undefined } {
  const found = problem ?? backendProblem(ref, parent, index, track)?.message;
  if (found !== undefined) return { backend: INVALID, problem: found };
  if (ref.kind === "EgressNetwork") return { backend: parentBackend, problem: undefined };
  return {
    backend: serviceBackend(ref.namespace, ref.name, ref.port!, settings, penalty),
    problem: undefined,
  };
}
