import { LiveExchange, LiveTransport } from "../../../src/observe/live-exchange.ts";

/** A live exchange with the given fields over plain ones: an inbound HTTP/1 GET that is allowed. */
export function buildExchange(fields: Partial<LiveExchange> = {}): LiveExchange {
  const exchange = new LiveExchange(fields.direction ?? "inbound", fields.protocol ?? "http/1");
  return Object.assign(
    exchange,
    {
      client: "10.0.0.1:4000",
      server: "10.0.0.2:8080",
      peerIp: "10.0.0.1",
      tls: "true",
      peerIdentity: "web.demo.serviceaccount.identity.meshctl.cluster.local",
      target: "8080",
      method: "GET",
      authority: "books.demo:80",
      path: "/list",
      parent: "/default/all-unauthenticated",
      route: "/default/default",
      authorization: "/default/all-unauthenticated",
      verdict: "allowed",
      attempts: 1,
    },
    fields,
  );
}

export function buildTransport(
  fields: Partial<Omit<LiveTransport, "direction" | "peer">> & {
    direction?: "inbound" | "outbound";
    peer?: "src" | "dst";
  } = {},
): LiveTransport {
  const { direction = "inbound", peer = "src", ...rest } = fields;
  return Object.assign(
    new LiveTransport(direction, peer),
    { peerIp: "10.0.0.1", tls: "true", target: "8080" },
    rest,
  );
}
