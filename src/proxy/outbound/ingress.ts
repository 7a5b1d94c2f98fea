import { MeshError } from "../../base/error.ts";
import { trySplitHostPort } from "../../base/ip.ts";
import type { OutboundPolicy } from "../../policy/outbound.ts";
import type { OutboundTarget, Watched } from "../dependencies.ts";
import { isFallback } from "../discovery/merge-policy.ts";
import type { HttpHandler } from "../http/server-connection.ts";
import { targetName } from "./discover.ts";
import type { PolicyHandler } from "./http-layers.ts";
import type { RequestTargets } from "./request-targets.ts";

const OVERRIDE = "l5d-dst-override";

/**
 * Requests of an ingress controller, which chose an instance by itself and names in `l5d-dst-override` the service that it meant:
 * each goes to that service, by its policy, so that it gets its routes, balancing and mTLS. Without the header it goes where the
 * connection went.
 *
 * Only names that the control plane knows are taken: a client whose header an ingress passed on could otherwise have this proxy
 * call any host.
 */
export function overrideTargets(
  requests: PolicyHandler,
  original: Watched<OutboundPolicy>,
  targets: RequestTargets,
): HttpHandler {
  return {
    handle(exchange) {
      const { fields } = exchange.request;
      const wanted = fields.get(OVERRIDE);
      if (wanted === undefined) return requests.handle(exchange, original.current);
      fields.remove(OVERRIDE);
      const target = tryParseOverride(wanted);
      if (!target) return exchange.fail(invalidOverride(wanted));
      const name = targetName(target);
      exchange.live.target = name;
      targets.find(target).then(
        ({ current }) => {
          if (isFallback(current)) exchange.fail(unknownService(name));
          else requests.handle(exchange, current);
        },
        (error: unknown) => exchange.fail(error),
      );
    },
  };
}

/** `name:port`, `name` (port 80) or `ip:port`. */
function tryParseOverride(text: string): OutboundTarget | undefined {
  const parts = trySplitHostPort(text.trim());
  if (!parts || parts.port === 0 || !/^[a-z0-9._:-]+$/i.test(parts.host)) return undefined;
  const name = parts.host.toLowerCase().replace(/\.$/, "");
  return { kind: "authority", name, port: parts.port ?? 80 };
}

function invalidOverride(text: string): MeshError {
  return new MeshError({
    kind: "user",
    code: "TARGET_MISSING",
    message: `${OVERRIDE}: ${JSON.stringify(text.slice(0, 100))} is no name:port`,
    hint: "let the ingress set it to SERVICE.NAMESPACE.svc.CLUSTER-DOMAIN:PORT",
  });
}

function unknownService(name: string): MeshError {
  return new MeshError({
    kind: "user",
    code: "OUTBOUND_INVALID_TARGET",
    message: `${OVERRIDE} names ${name}, which is no service of the mesh`,
    hint: "let the ingress set it to SERVICE.NAMESPACE.svc.CLUSTER-DOMAIN:PORT",
  });
}
