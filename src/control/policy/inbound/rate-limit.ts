import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HttpLocalRateLimitSchema } from "../../../api/gen/io/linkerd/proxy/inbound_pb.js";
import type { KubeObject } from "../../../base/kube-object.ts";
import type { ControlSettings } from "../../control-settings.ts";
import { POLICY_GROUP } from "../../index/route-refs.ts";
import { serviceAccountIdentity } from "./clients.ts";
import { kindInWords, type ObjectRef, refersTo } from "./names.ts";
import { createParser, type Report } from "./parse-spec.ts";

interface RateLimitSpec {
  /** Name of the Server. */
  readonly server: string;
  /** Requests a second; undefined: no limit. */
  readonly total: number | undefined;
  readonly identity: number | undefined;
  readonly overrides: readonly {
    readonly requestsPerSecond: number;
    readonly clients: readonly { readonly name: string; readonly namespace: string }[];
  }[];
}

type RateLimitInit = MessageInitShape<typeof HttpLocalRateLimitSchema>;

const RATE_MAX = 0xffff_ffff;

export const parseRateLimit = createParser<RateLimitSpec>((spec, report, object) => {
  const target = spec.targetRef as ObjectRef;
  if (!refersTo(target, POLICY_GROUP, "Server")) {
    report(
      "targetRef",
      `${kindInWords(target)} cannot be limited: refer to a Server of group ${POLICY_GROUP}`,
    );
  }
  const total = readRate(spec.total, "total.requestsPerSecond", undefined, report);
  const identity = readRate(spec.identity, "identity.requestsPerSecond", total, report);
  const overrides = (spec.overrides ?? []) as readonly {
    requestsPerSecond: number;
    clientRefs: readonly ObjectRef[];
  }[];
  if (total === undefined && identity === undefined && overrides.length === 0) {
    report("total", "nothing is limited: give total, identity or overrides");
  }
  return {
    server: target.name,
    total,
    identity,
    overrides: overrides.map((override, index) => ({
      requestsPerSecond: readRate(override, `overrides[${index}].requestsPerSecond`, total, report) ?? 0,
      clients: override.clientRefs.map((ref, at) => {
        if (!refersTo(ref, "", "ServiceAccount")) {
          report(
            `overrides[${index}].clientRefs[${at}]`,
            `${kindInWords(ref)} is no client: refer to a ServiceAccount (group "")`,
          );
        }
        return { name: ref.name, namespace: ref.namespace || (object.metadata.namespace ?? "") };
      }),
    })),
  };
});

/** The limit that policies of one Server give it: that of the first that can be read, of which the oldest comes first. */
export function rateLimitOf(
  policies: readonly KubeObject[],
  settings: ControlSettings,
): RateLimitInit | undefined {
  for (const object of policies) {
    const spec = parseRateLimit(object).value;
    if (!spec) continue;
    const { namespace = "", name = "" } = object.metadata;
    const value = { group: POLICY_GROUP, kind: "HTTPLocalRateLimitPolicy", namespace, name };
    return {
      metadata: { kind: { case: "resource", value } },
      ...(spec.total !== undefined && { total: { requestsPerSecond: spec.total } }),
      ...(spec.identity !== undefined && { identity: { requestsPerSecond: spec.identity } }),
      overrides: spec.overrides.map(({ requestsPerSecond, clients }) => ({
        limit: { requestsPerSecond },
        clients: {
          identities: clients.map((client) => ({ name: serviceAccountIdentity(client, settings) })),
        },
      })),
    };
  }
  return undefined;
}

function readRate(
  limit: { readonly requestsPerSecond: number } | undefined,
  field: string,
  total: number | undefined,
  report: Report,
): number | undefined {
  if (limit === undefined) return undefined;
  const rate = limit.requestsPerSecond;
  if (!Number.isInteger(rate) || rate < 1 || rate > RATE_MAX) {
    report(field, `${rate} is no rate: write a whole number from 1 to ${RATE_MAX}`);
  } else if (total !== undefined && rate > total) {
    report(field, `${rate} is more than total (${total}), which then comes first: write at most ${total}`);
  }
  return rate;
}
