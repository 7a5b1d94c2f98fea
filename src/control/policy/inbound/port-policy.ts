import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type ProxyProtocolSchema,
  type Server,
  ServerSchema,
} from "../../../api/gen/io/linkerd/proxy/inbound_pb.js";
import type { KubeObject } from "../../../base/kube-object.ts";
import { CUSTOM_KINDS } from "../../index/custom-kinds.ts";
import { isOpaquePort } from "../../index/pod-facts.ts";
import { POLICY_GROUP } from "../../index/route-refs.ts";
import { encodeDuration } from "../../serve/encode-values.ts";
import { policyAuthorizations } from "./authorization-policy.ts";
import type { AuthzInit } from "./clients.ts";
import type { HttpRouteInit } from "./default-routes.ts";
import { defaultAuthorizations, defaultPolicyOf } from "./defaults.ts";
import { findServer, type SelectedServer } from "./find-server.ts";
import { grpcRoutes, httpRoutes, withoutRoutes } from "./inbound-routes.ts";
import type { PolicyReader } from "./policy-reader.ts";
import { rateLimitOf } from "./rate-limit.ts";
import { serverAuthorization } from "./server-authorization.ts";

const DETECT_TIMEOUT_MS = 10_000;

type ProtocolInit = MessageInitShape<typeof ProxyProtocolSchema>;

/**
 * Who may reach a port of a pod: the oldest Server that selects it and what refers to that, else the default policy (reference
 * control-plane 6.1).
 *
 * Nothing is said about loopback: each proxy adds an authorization for its own host, which it knows better than we do.
 */
export function portPolicy(reader: PolicyReader, pod: KubeObject, port: number): Server {
  const server = findServer(reader, pod, port);
  return server ? selectedPolicy(reader, pod, port, server) : unselectedPolicy(reader, pod, port);
}

function unselectedPolicy({ settings }: PolicyReader, pod: KubeObject, port: number): Server {
  const policy = defaultPolicyOf(pod, port, settings);
  return create(ServerSchema, {
    protocol: isOpaquePort(pod, port, settings)
      ? { kind: { case: "opaque", value: {} } }
      : detect(withoutRoutes(pod, port)),
    authorizations: defaultAuthorizations(policy, settings.clusterNetworks),
    labels: { group: "", kind: "default", name: policy },
  });
}

function selectedPolicy(reader: PolicyReader, pod: KubeObject, port: number, server: SelectedServer): Server {
  const { object, spec } = server;
  return create(ServerSchema, {
    protocol: protocolOf(reader, pod, port, server),
    authorizations: [
      ...serverAuthorizations(reader, object),
      ...defaultAuthorizations(spec.accessPolicy, reader.settings.clusterNetworks),
    ],
    labels: { group: POLICY_GROUP, kind: "server", name: object.metadata.name! },
  });
}

function protocolOf(
  reader: PolicyReader,
  pod: KubeObject,
  port: number,
  { object, spec }: SelectedServer,
): ProtocolInit {
  switch (spec.protocol) {
    case "opaque":
      return { kind: { case: "opaque", value: {} } };
    case "TLS":
      return { kind: { case: "tls", value: {} } };
    case "gRPC":
      return { kind: { case: "grpc", value: { routes: grpcRoutes(reader, pod, port, object) } } };
    case "HTTP/1":
    case "HTTP/2": {
      const localRateLimit = limitOf(reader, object);
      const value = {
        routes: httpRoutes(reader, pod, port, object),
        ...(localRateLimit && { localRateLimit }),
      };
      return { kind: { case: spec.protocol === "HTTP/1" ? "http1" : "http2", value } };
    }
    case "unknown": {
      const httpLocalRateLimit = limitOf(reader, object);
      return detect(httpRoutes(reader, pod, port, object), httpLocalRateLimit);
    }
  }
}

function limitOf({ index, settings, track }: PolicyReader, { metadata }: KubeObject) {
  const { namespace = "", name = "" } = metadata;
  const target = { group: POLICY_GROUP, kind: "Server", name };
  return rateLimitOf(index.targets.of("HTTPLocalRateLimitPolicy", namespace, target, track), settings);
}

/** Everything that lets somebody through to a Server, its own accessPolicy aside. By kind and age, so that answers repeat. */
function serverAuthorizations(reader: PolicyReader, server: KubeObject): AuthzInit[] {
  const { index, settings, track } = reader;
  const { namespace = "", name = "" } = server.metadata;
  const authorizations: AuthzInit[] = [];
  for (const object of index.custom.list(CUSTOM_KINDS.serverAuthorization, namespace, track)) {
    const authorization = serverAuthorization(object, server, settings);
    if (authorization) authorizations.push(authorization);
  }
  authorizations.push(
    ...policyAuthorizations(reader, namespace, { group: POLICY_GROUP, kind: "Server", name }),
    ...policyAuthorizations(reader, namespace, { group: "", kind: "Namespace", name: namespace }),
  );
  return authorizations;
}

function detect(httpRoutes: HttpRouteInit[], httpLocalRateLimit?: ReturnType<typeof limitOf>): ProtocolInit {
  const timeout = encodeDuration(DETECT_TIMEOUT_MS);
  return {
    kind: {
      case: "detect",
      value: { timeout, httpRoutes, ...(httpLocalRateLimit && { httpLocalRateLimit }) },
    },
  };
}
