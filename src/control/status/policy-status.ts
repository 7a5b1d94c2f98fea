import type { KubeObject } from "../../base/kube-object.ts";
import type { ControlSettings } from "../control-settings.ts";
import type { ClusterIndex } from "../index/cluster-index.ts";
import { CUSTOM_KINDS } from "../index/custom-kinds.ts";
import type { Track } from "../index/view.ts";
import { parseRateLimit } from "../policy/inbound/rate-limit.ts";
import { egressVerdict } from "../policy/outbound/egress-network.ts";
import type { Verdict } from "../policy/routes/accept-route.ts";
import {
  areCurrent,
  type Condition,
  dateConditions,
  type WantedCondition,
  wantedCondition,
} from "./conditions.ts";

const ACCEPTED: Verdict = { isTrue: true, reason: "Accepted", message: "" };

/** `Accepted` of an HTTPLocalRateLimitPolicy: its Server is there, and no older policy limits it already. */
export function rateLimitStatus(policy: KubeObject, index: ClusterIndex, track: Track): WantedCondition[] {
  return [wantedCondition("Accepted", rateLimitVerdict(policy, index, track), policy.metadata.generation)];
}

function rateLimitVerdict(policy: KubeObject, index: ClusterIndex, track: Track): Verdict {
  const { namespace = "", name } = policy.metadata;
  const { value, problems } = parseRateLimit(policy);
  if (!value) return invalid(problems);
  const { server } = value;
  if (!index.custom.get(CUSTOM_KINDS.server, namespace, server, track)) {
    const message = `Server ${namespace}/${server} does not exist`;
    return { isTrue: false, reason: "NoMatchingTarget", message };
  }
  const [first] = index.custom
    .list(CUSTOM_KINDS.rateLimit, namespace, track)
    .filter((other) => parseRateLimit(other).value?.server === server);
  if (first && first.metadata.name !== name) {
    const message = `${first.metadata.name} is older and limits Server ${server} already`;
    return { isTrue: false, reason: "RateLimitReasonAlreadyExists", message };
  }
  return ACCEPTED;
}

/** `Accepted` of an EgressNetwork: it is about addresses outside the cluster. */
export function egressNetworkStatus(network: KubeObject, settings: ControlSettings): WantedCondition[] {
  return [wantedCondition("Accepted", egressVerdict(network, settings), network.metadata.generation)];
}

function invalid(problems: readonly { readonly field: string; readonly message: string }[]): Verdict {
  const [problem] = problems;
  return { isTrue: false, reason: "Invalid", message: `${problem?.field}: ${problem?.message}` };
}

/** The `status` that an object with conditions needs, or undefined when it has it. */
export function patchedConditions(
  object: KubeObject,
  wanted: readonly WantedCondition[],
  now: string,
): { readonly conditions: readonly Condition[]; readonly targetRef?: unknown } | undefined {
  const actual = (object.status?.conditions ?? []) as readonly Partial<Condition>[];
  if (areCurrent(wanted, actual)) return undefined;
  const { targetRef } = object.spec ?? {};
  return { conditions: dateConditions(wanted, actual, now), ...(targetRef && { targetRef }) };
}
