import { trySplitHostPort } from "../../base/ip.ts";
import { ResponseHead } from "../../wire/http1-head.ts";
import type { Accepted } from "../accept/accepted.ts";
import type { OutboundTarget } from "../dependencies.ts";
import { detectConnection } from "../detect/detect-http.ts";
import type { HttpVersion } from "../http/client-channel.ts";
import type { ServerExchange } from "../http/server-exchange.ts";
import { type OutboundShared, serveHttp, serveOutbound, targetMissing } from "./connection.ts";
import { targetName } from "./discover.ts";
import { RequestTargets } from "./request-targets.ts";

/**
 * Serves the explicit HTTP proxy port: each request goes where its absolute target, its CONNECT target or its Host says.
 */
export async function serveHttpProxy(accepted: Accepted, shared: OutboundShared): Promise<void> {
  const { socket } = accepted;
  const pending = { drain: () => void socket.destroy(), destroy: () => void socket.destroy() };
  shared.liveSet.add(pending);
  const detected = await detectConnection(socket, shared.deps.clock);
  if (detected.kind === "closed" || detected.kind === "ended") {
    // Whoever has no request for this port has nothing to be forwarded either.
    socket.destroy();
    accepted.released("");
  } else {
    // What is neither gets its answer from the decoder of HTTP/1.
    serveProxyRequests(accepted, detected.kind === "http/2" ? "http/2" : "http/1", shared);
  }
  shared.liveSet.remove(pending);
}

function serveProxyRequests(accepted: Accepted, version: HttpVersion, shared: OutboundShared): void {
  const targets = new RequestTargets(shared.deps);
  const released = (errno: string): void => {
    targets.release();
    accepted.released(errno);
  };
  serveHttp({ ...accepted, released }, version, "", shared, {
    handle(exchange) {
      const target = requestTarget(exchange);
      if (!target) return exchange.fail(targetMissing(exchange.live.authority));
      const name = targetName(target);
      exchange.live.target = name;
      if (accepted.transport.target === "") accepted.transport.target = name;
      if (exchange.request.form === "authority") return openTunnel(exchange, target, accepted, shared);
      targets.find(target).then(
        (held) => shared.requests.handle(exchange, held.current),
        (error: unknown) => exchange.fail(error),
      );
    },
  });
}

/**
 * CONNECT: what follows is served like any connection to that target, detection included, so that HTTP inside a tunnel is
 * seen as HTTP. That is why the answer comes before the server is dialled.
 */
function openTunnel(
  exchange: ServerExchange,
  target: OutboundTarget,
  accepted: Accepted,
  shared: OutboundShared,
): void {
  const head = new ResponseHead();
  head.status = 200;
  head.reason = "Connection established";
  head.body = "tunnel";
  exchange.suppressRecord();
  exchange.sendHead(head);
  const stream = exchange.upgrade();
  if (stream.rest.length > 0) stream.socket.unshift(stream.rest);
  const { socket, transport, released } = stream;
  void serveOutbound({ ...accepted, socket, transport, released }, target, shared);
}

/** @returns undefined when the request names no host; the port is 80 where none is given, 443 for https */
function requestTarget(exchange: ServerExchange): OutboundTarget | undefined {
  const { request, live } = exchange;
  const parts = trySplitHostPort(live.authority);
  if (!parts || parts.host === "") return undefined;
  const isHttps = request.form === "absolute" && /^https:/i.test(request.target);
  const port = parts.port ?? (isHttps ? 443 : 80);
  if (port === 0) return undefined;
  return { kind: "authority", name: parts.host.toLowerCase(), port };
}
